# fish completion for castor(1): what may come next is asked of castor itself.
function __castor_next
	set -l words (commandline -opc)
	set -l command $words[1]
	set -e words[1]
	$command complete (string match -v -- '-*' $words) 2>/dev/null
end
# a file, where no word fits
function __castor_wants_file
	not string match -qv -- '-*' (__castor_next)
end
complete -c castor -f -a '(__castor_next)'
complete -c castor -n __castor_wants_file -F
