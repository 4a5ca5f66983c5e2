/* Holds the card in the first reader until its standard input ends: "exclusive", or in a "transaction". */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <winscard.h>

int
main(int argc, char **argv)
{
	bool exclusive = argc > 1 && !strcmp(argv[1], "exclusive");
	char readers[1024], byte;
	DWORD n = sizeof readers, protocol;
	SCARDCONTEXT context;
	SCARDHANDLE card;

	if (SCardEstablishContext(SCARD_SCOPE_SYSTEM, NULL, NULL, &context) ||
	    SCardListReaders(context, NULL, readers, &n) ||
	    SCardConnect(context, readers, exclusive ? SCARD_SHARE_EXCLUSIVE : SCARD_SHARE_SHARED,
	        SCARD_PROTOCOL_T0 | SCARD_PROTOCOL_T1, &card, &protocol) ||
	    (!exclusive && SCardBeginTransaction(card)))
		return 1;
	puts("held");
	fflush(stdout);
	while (read(STDIN_FILENO, &byte, 1) > 0)
		;
	SCardDisconnect(card, SCARD_LEAVE_CARD);
	SCardReleaseContext(context);
	return 0;
}
