/* Files that are part of the library as they stand; embed.sh makes the C text of them. */
#ifndef CASTOR_BASE_EMBEDDED_H
#define CASTOR_BASE_EMBEDDED_H

#include <stddef.h>

struct embedded {
	const char *name;          /* of the file, without its folder */
	const unsigned char *text; /* as it is, not NUL-terminated */
	size_t len;                /* bytes */
};

/* The catalogues of po/, in GNU's .mo format: "fi.mo", "sv.mo". */
extern const struct embedded text_catalogues[];
extern const size_t text_catalogues_count;
/* base/shipped.conf, one file. */
extern const struct embedded settings_shipped[];
extern const size_t settings_shipped_count;

#endif
