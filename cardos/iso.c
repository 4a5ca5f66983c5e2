/* Files and random numbers. */
#include "cardos/iso.h"

#include <stddef.h>

#include "base/err.h"
#include "cardos/sw.h"

#define BINARY_MAX 0x8000u      /* an offset has 15 bits. Source: ISO 7816-4 7.2.2 */
#define WRAPPED_LEAST 32u       /* bytes of an answer that any card can wrap */
#define CHALLENGE_MAX 65536u    /* bytes one caller may want */

/* The last byte that is wanted, plus one. */
static size_t
read_end(size_t size, const struct range *range)
{
	size_t end = size ? size : BINARY_MAX;

	if (!range->whole && (size_t)range->off + range->len < end)
		end = (size_t)range->off + range->len;
	return end < BINARY_MAX ? end : BINARY_MAX;
}

/* Whether what was read ends in so much filler that no record comes behind it. */
static bool
ends_in_filler(const struct buf *out, size_t start, size_t least)
{
	const uint8_t *last = out->len > start ? out->p + out->len - 1 : NULL;
	size_t n = 0;

	if (!least || !last || (*last != 0x00 && *last != 0xFF))
		return false;
	while (n < least && n < out->len - start && last[-(ptrdiff_t)n] == *last)
		n++;
	return n == least;
}

int
iso_read_binary(struct card *card, size_t size, const struct range *range, struct buf *out)
{
	unsigned max = card->caps.max_recv ? card->caps.max_recv : LE_ANY;
	size_t off = range->whole ? 0 : range->off, start = off, first = out->len, end, n;
	struct resp resp = { BUF_INIT, 0 };
	struct apdu a = { .ins = 0xB0 };
	int r = 0;

	if (size > BINARY_MAX || off >= BINARY_MAX)
		return E_LIMIT;
	end = read_end(size, range);
	if (!card->caps.extended && max > LE_ANY)
		max = LE_ANY;
	while (off < end) {
		n = end - off < max ? end - off : max;
		a.p1 = (uint8_t)(off >> 8);
		a.p2 = (uint8_t)off;
		a.le = (uint32_t)n;
		buf_reset(&resp.data);
		if ((r = card_apdu(card, &a, &resp)) != 0)
			break;
		/* a buffer that holds less than an APDU does, which no card tells of: halved until it fits */
		if (card->sm && off == start && resp.sw == 0x6700 && n > WRAPPED_LEAST) {
			max = card->caps.max_recv = (unsigned)n / 2;
			continue;
		}
		/* behind the end: some say so, 4.0.1 says 6700 (card-myeid 2.5) */
		if (off > start && (resp.sw == 0x6B00 || resp.sw == 0x6700))
			break;
		if (resp.sw != SW_END_OF_FILE && (r = card_sw_err(card, resp.sw)) != 0)
			break;
		if (resp.data.len > n) {
			r = E_PROTOCOL;
			break;
		}
		buf_view(out, buf_peek(&resp.data));
		off += resp.data.len;
		/* a short answer is the end only where nothing tells how long the file is: citizens' FINEID
		 * cards give 181 bytes at most, whatever is asked (card-gemalto-eid 3) */
		if (!resp.data.len || resp.sw == SW_END_OF_FILE || (resp.data.len < n && !size) ||
		    ends_in_filler(out, first, range->filler))
			break;
	}
	resp_free(&resp);
	return r ? r : buf_err(out);
}

int
iso_update_binary(struct card *card, size_t off, struct view data)
{
	unsigned max = card->caps.max_send && card->caps.max_send < SHORT_DATA_MAX
	    ? card->caps.max_send : SHORT_DATA_MAX;
	struct apdu a = { .ins = 0xD6, .flags = APDU_STATE };
	int r;

	if (off > BINARY_MAX || data.len > BINARY_MAX - off)
		return E_LIMIT;
	while (data.len) {
		view_take(&data, data.len < max ? data.len : max, &a.data);
		a.p1 = (uint8_t)(off >> 8);
		a.p2 = (uint8_t)off;
		if ((r = card_command(card, &a, NULL, NULL)) != 0)
			return r;
		off += a.data.len;
	}
	return 0;
}

int
iso_read(struct card *card, const struct path *path, const struct range *range, struct buf *out)
{
	struct fci fci;
	int r;

	if ((r = iso_select_path(card, path, &fci)) != 0)
		return r;
	if (fci.has_size && !fci.size)
		return 0;
	return iso_read_binary(card, fci.size, range, out);
}

int
iso_info(struct card *card, const struct path *path, struct file_info *info)
{
	struct fci fci;
	int r;

	if ((r = iso_select_path(card, path, &fci)) != 0)
		return r;
	info->type = (fci.descriptor & 0x38) == 0x38 ? FILE_DF : FILE_EF;
	info->size = fci.size;
	info->fid = fci.fid;
	return 0;
}

int
iso_write(struct card *card, const struct path *path, size_t off, struct view data)
{
	int r = iso_select_path(card, path, NULL);

	return r ? r : iso_update_binary(card, off, data);
}

int
iso_challenge(struct card *card, size_t n, struct buf *out)
{
	unsigned max = card->caps.max_recv && card->caps.max_recv < SHORT_DATA_MAX
	    ? card->caps.max_recv : SHORT_DATA_MAX;
	struct apdu a = { .ins = 0x84, .flags = APDU_SECRET_OUT };
	size_t before, got;
	int r;

	if (n > CHALLENGE_MAX)
		return E_LIMIT;
	while (n) {
		/* never Le 00, which 3.3.3 answers with 6F00 (card-myeid 5.8) */
		a.le = card->caps.challenge ? card->caps.challenge : n < max ? (uint32_t)n : max;
		before = out->len;
		if ((r = card_command(card, &a, out, NULL)) != 0)
			return r;
		if ((got = out->len - before) != a.le)
			return E_PROTOCOL;
		if (got > n)
			buf_trim(out, before + n);
		n -= got < n ? got : n;
	}
	return 0;
}
