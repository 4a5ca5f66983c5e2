# fish completion for castor(1): what may come next is asked of castor itself.
function __castor_next
	set -l words (commandline -opc)
	set -l command $words[1]
	set -e words[1]
	$command complete (string match -v -- '-*' $words) 2>/dev/null
end
complete -c castor -a '(__castor_next)'
