#include "base/secret.h"

#include <openssl/crypto.h>
#include <pthread.h>
#include <string.h>

#include "base/log.h"
#include "base/os.h"

_Static_assert(sizeof(struct secret) == 64, "a cell is one cache line");

#define CELLS_MAX 64 /* a 4 KiB page; PINs alive at once in one process */

/* invariant after the first secret_new; lock: cells_lock */
static pthread_mutex_t cells_lock = PTHREAD_MUTEX_INITIALIZER;
static struct secret *cells;
static bool cell_used[CELLS_MAX];
static unsigned cells_used;

static bool
cells_ready_locked(void)
{
	static bool warned;
	bool locked;

	if (cells)
		return true;
	if (!(cells = os_page_new(CELLS_MAX * sizeof *cells, &locked)))
		return false;
	if (!locked && !warned)
		log_warn("PIN memory cannot be locked (see RLIMIT_MEMLOCK); it could reach swap");
	warned |= !locked;
	return true;
}

struct secret *
secret_new(const void *p, size_t n)
{
	struct secret *s = NULL;

	if (n > SECRET_MAX)
		return NULL;
	pthread_mutex_lock(&cells_lock);
	for (size_t i = 0; cells_ready_locked() && i < CELLS_MAX; i++) {
		if (cell_used[i])
			continue;
		cell_used[i] = true;
		cells_used++;
		s = &cells[i];
		break;
	}
	pthread_mutex_unlock(&cells_lock);
	if (!s)
		return NULL;
	s->len = (uint8_t)n;
	if (n)
		memcpy(s->p, p, n);
	return s;
}

void
secret_free(struct secret **s)
{
	if (!*s)
		return;
	OPENSSL_cleanse(*s, sizeof **s);
	pthread_mutex_lock(&cells_lock);
	if (cells && *s >= cells && *s < cells + CELLS_MAX) {
		cell_used[*s - cells] = false;
		cells_used--;
	}
	/* the page goes with the last one, so that a library that is unloaded leaves nothing */
	if (cells && !cells_used) {
		os_page_free(cells, CELLS_MAX * sizeof *cells);
		cells = NULL;
	}
	pthread_mutex_unlock(&cells_lock);
	*s = NULL;
}

struct view
secret_view(const struct secret *s)
{
	return s ? view_of(s->p, s->len) : view_of(NULL, 0);
}

bool
secret_eq(const struct secret *a, const struct secret *b)
{
	return a->len == b->len && CRYPTO_memcmp(a->p, b->p, SECRET_MAX) == 0;
}

void
secret_forget(void)
{
	/* the lock may be held by a thread of the parent that was not copied */
	pthread_mutex_init(&cells_lock, NULL);
	memset(cell_used, 0, sizeof cell_used);
	cells_used = 0;
}
