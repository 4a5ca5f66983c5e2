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

bool
err_is_uncertain(int err)
{
	switch (err) {
	case E_MEM:
	case E_FORMAT:
	case E_LIMIT:
	case E_IO:
	case E_PROTOCOL:
	case E_CARD:
	case E_RESET:
	case E_GONE:
		return true;
	default:
		return false;
	}
}
