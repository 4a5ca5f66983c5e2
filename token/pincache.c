#include "token/pincache.h"

#include <string.h>

void
pincache_wipe(struct pincache *c)
{
	secret_free(&c->pin);
	memset(c, 0, sizeof *c);
}

void
pincache_put(struct pincache *c, const struct secret *pin, int tries, uint64_t epoch, int64_t now)
{
	pincache_wipe(c);
	if (tries <= 1)
		return;
	c->pin = secret_new(pin->p, pin->len);
	c->tries = tries;
	c->epoch = epoch;
	c->used_at = now;
}

bool
pincache_is_over(const struct pincache *c, const struct pincache_limits *max, int64_t now)
{
	return c->pin && ((max->idle_s && now - c->used_at > (int64_t)max->idle_s * 1000) ||
	    (max->uses && c->uses >= max->uses));
}

void
pincache_used(struct pincache *c, int64_t now)
{
	c->used_at = now;
	c->uses++;
}

bool
pincache_fits(const struct pincache *c, int tries, uint64_t epoch)
{
	return c->pin && tries > 1 && tries == c->tries && epoch == c->epoch;
}
