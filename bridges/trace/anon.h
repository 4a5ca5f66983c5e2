/* Takes out of a recording what tells who holds the card, so that it can be given away and still be played
 * back: castor-trace(5), "What anonymise takes out". Pure: text in, text out. */
#ifndef CASTOR_BRIDGES_TRACE_ANON_H
#define CASTOR_BRIDGES_TRACE_ANON_H

#include "base/buf.h"

struct anon_report {
	size_t line;      /* of the recording, from 1: where it is none; where something was left, in the result */
	const char *what; /* English, marked for translation, static */
	size_t texts;     /* different texts and numbers that were taken out */
	size_t starred;   /* bytes that were not understood and are not shown any more */
};

/* Appends the recording without them; what the commands were, and how long every answer, stays. Doing it
 * again changes nothing. E_FORMAT: it is no recording (report->line, what). E_DENIED: something that was
 * taken out is still found in the result. E_LIMIT, E_MEM, E_CRYPTO. On any error `out` is untouched. */
int anonymise(struct view text, struct buf *out, struct anon_report *report);

#endif
