#include "base/err.h"

#include <stddef.h>

static const struct {
	const char *name, *text;
} table[] = {
	[E_OK] = { "E_OK", "success" },
#define X(code, text) [code] = { #code, text },
	ERR_LIST(X)
#undef X
};

const char *
err_text(int err)
{
	return err >= 0 && err < E_COUNT ? table[err].text : "unknown error";
}

const char *
err_name(int err)
{
	return err >= 0 && err < E_COUNT ? table[err].name : "E_?";
}
