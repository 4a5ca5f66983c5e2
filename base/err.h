/* Errors of everything below token/: one flat list for the whole library.
 * Functions return `int`: 0 for success or one of E_*. What PKCS#11 calls them
 * is decided in token/rv.c and nowhere else. */
#ifndef CASTOR_BASE_ERR_H
#define CASTOR_BASE_ERR_H

#include <stdbool.h>

/* code, English text (for logs and for people; translatable) */
#define ERR_LIST(X) \
	X(E_MEM,         "out of memory") \
	X(E_ARG,         "argument out of range") \
	X(E_FORMAT,      "data is malformed") \
	X(E_LIMIT,       "data is larger than allowed") \
	X(E_IO,          "file or socket could not be read or written") \
	X(E_DENIED,      "conditions of use not satisfied") \
	X(E_PIN_NEEDED,  "PIN has not been verified") \
	X(E_PIN_WRONG,   "wrong PIN") \
	X(E_PIN_BLOCKED, "PIN is blocked") \
	X(E_PIN_LEN,     "PIN has a length the card does not take") \
	X(E_PIN_UNFIT,   "cannot be the PIN, and was not sent") \
	X(E_PIN_EXPIRED, "PIN is too old and must be changed") \
	X(E_PIN_USED,    "PIN was used before") \
	X(E_NOT_FOUND,   "file or record not found on the card") \
	X(E_EXISTS,      "file exists on the card already") \
	X(E_DATA,        "card refused the data") \
	X(E_PROTOCOL,    "card answered in a way its standard does not allow") \
	X(E_UNSUPPORTED, "not supported by this card") \
	X(E_FULL,        "no room on the card") \
	X(E_CARD,        "card reported an error") \
	X(E_GONE,        "card or reader was removed") \
	X(E_RESET,       "card was reset by another program") \
	X(E_BUSY,        "card is held by another program") \
	X(E_NO_READER,   "no smart card service or no reader") \
	X(E_REFUSED,     "access to the smart card service was refused") \
	X(E_UNKNOWN,     "card is not known") \
	X(E_CANCEL,      "cancelled") \
	X(E_CLOSED,      "closed meanwhile") \
	X(E_SIGNATURE,   "signature made by the card does not verify") \
	X(E_CAN_NEEDED,  "card wants its access number (CAN)") \
	X(E_CAN_WRONG,   "wrong card access number (CAN)") \
	X(E_CRYPTO,      "cryptographic library reported an error")

enum err {
	E_OK = 0,
#define X(code, text) code,
	ERR_LIST(X)
#undef X
	E_COUNT
};

/* English text of an error; never NULL, static. */
const char *err_text(int err);
/* Whether it leaves open if what was asked for was done: the answer got lost on its way. */
bool err_is_uncertain(int err);
/* The name of the code, "E_MEM"; never NULL, static. For logs and tests. */
const char *err_name(int err);

#endif
