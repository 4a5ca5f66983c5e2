/* For n = 1.. until no fault fires: bind, read, verify, sign (and: make, fill and remove files
 * and keys, decipher) with an accident at command n, of each kind. The error is one that tells
 * what happened, nothing leaks, the next try works, and no
 * try of a PIN is burnt. Source: DESIGN 15. */
#include "t/unit/cards.h"
#include "t/unit/unit.h"

#define FAR 40 /* more commands than the scenario has */

static const uint8_t sha256_info[] = { 0x30, 0x31, 0x30, 0x0D, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01,
	0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20 };

/* What may come out of an accident, as a set of 1 << error; 0 (no error) where the verb can go on
 * without the answer it lost. */
static const struct { enum io_fault kind; const char *name; int errors[7]; } kinds[] = {
	{ FAULT_REMOVED, "removed", { E_GONE } },
	{ FAULT_RESET, "reset", { E_OK, E_RESET } },
	{ FAULT_6F00, "6F00", { E_OK, E_CARD, E_UNKNOWN } },
	{ FAULT_6982, "6982", { E_OK, E_PIN_NEEDED, E_PIN_WRONG, E_DENIED, E_UNKNOWN } },
	{ FAULT_EMPTY, "empty", { E_OK, E_PROTOCOL, E_UNKNOWN } },
	{ FAULT_1BYTE, "1 byte", { E_OK, E_PROTOCOL, E_UNKNOWN } },
	{ FAULT_64K, "64K", { E_OK, E_PROTOCOL, E_UNKNOWN } },
	{ FAULT_61LOOP, "61 loop", { E_PROTOCOL, E_UNKNOWN } },
	{ FAULT_6CLOOP, "6C loop", { E_PROTOCOL, E_UNKNOWN } },
	{ FAULT_TIMEOUT, "timeout", { E_IO } },
	{ FAULT_LOST, "lost answer", { E_IO } },
};

static int
use(struct card *card)
{
	const struct path odf = app_path(0x50, 0x31);
	const struct range whole = { true, 0, 0, 0 };
	const struct key_ref key = key_at(KEY_RSA, 2048, 1);
	struct buf out = BUF_INIT, info = BUF_INIT;
	struct sign_in in;
	int r, tries;

	buf_put(&info, sha256_info, sizeof sha256_info);
	buf_fill(&info, 0x11, 32);
	in = (struct sign_in){ IN_DIGEST_INFO, buf_peek(&info), HASH_NONE };
	if ((r = card->ops->read(card, &odf, &whole, &out)) != 0
	    || (r = card_pin_verify(card, &pin1, view_str("1234"), &tries)) != 0)
		goto out;
	buf_reset(&out);
	r = card->ops->sign(card, &key, ALG_RSA_PKCS1, &in, &out);
	if (!r)
		ck_assert_uint_eq(out.len, 256);
out:
	buf_free(&out);
	buf_free(&info);
	return r;
}

/* Leftovers of a cut run before are removed first, as an enrolment program does. */
static int
make(struct card *card)
{
	const struct new_file file = { .path = app_path(0x43, 0x70), .type = NEW_EF, .size = 300,
		.public_read = true };
	const struct key_ref key = key_at(KEY_RSA, 1024, 0x70), old = key_at(KEY_RSA, 2048, 1);
	const struct new_file key_file = { .path = key.path, .type = NEW_KEY, .size = 1024,
		.kind = KEY_RSA };
	struct key_parts pub = { 0 };
	uint8_t data[300] = { 2 };
	struct buf out = BUF_INIT;
	uint16_t fid;
	int r, tries;

	if ((r = card_pin_verify(card, &pin1, view_str("1234"), &tries)) != 0)
		goto out;
	if (((r = card->ops->erase(card, &file.path)) != 0 && r != E_NOT_FOUND)
	    || ((r = card->ops->erase(card, &key.path)) != 0 && r != E_NOT_FOUND)
	    || (r = card->ops->free_fid(card, &(struct path){ PATH_APP, 0, { 0 } }, 0x4301, 0x43FF,
	    &fid)) != 0
	    || (r = card->ops->create(card, &file)) != 0
	    || (r = card->ops->write(card, &file.path, 0, view_of(data, sizeof data))) != 0
	    || (r = card->ops->create(card, &key_file)) != 0
	    || (r = card->ops->genkey(card, &key, &pub)) != 0
	    || (r = card->ops->decipher(card, &old, ALG_RSA_RAW, HASH_NONE, view_of(data, 256), &out)) != 0)
		goto out;
	r = card->ops->challenge(card, 300, &out);
out:
	buf_free(&out);
	key_parts_free(&pub);
	return r;
}

static int
scenario(struct rig *rig, int (*in_transaction)(struct card *))
{
	struct card *card = NULL;
	int r, end;

	if ((r = card_open(rig->io, IO_MEM_READER, &rig->set, false, &card)) != 0) {
		ck_assert_ptr_null(card);
		return r;
	}
	if ((r = card_begin(card, 1000)) == 0) {
		r = in_transaction(card);
		end = card_end(card, IO_END_LEAVE);
		ck_assert(end == 0 || r != 0);
	}
	card_close(&card);
	return r;
}

static bool
allowed(size_t kind, int r)
{
	for (size_t i = 0; i < sizeof kinds[kind].errors / sizeof kinds[kind].errors[0]; i++)
		if (kinds[kind].errors[i] == r && (r || !i || kinds[kind].errors[0] == E_OK))
			return true;
	return false;
}

static void
run_kind(struct rig *rig, size_t kind, int (*deeds)(struct card *))
{
	unsigned n;
	int r;

	for (n = 1; n < FAR; n++) {
		io_fault_set(rig->io, n, kinds[kind].kind);
		r = scenario(rig, deeds);
		if (!io_fault_fired(rig->io))
			break;
		ck_assert_msg(allowed(kind, r), "%s at command %u: %s", kinds[kind].name, n, err_name(r));
		ck_assert_msg(vc_tries(rig->vc, 1) == 3, "%s at command %u burnt a try", kinds[kind].name, n);
		io_fault_set(rig->io, 0, kinds[kind].kind);
		r = scenario(rig, deeds);
		ck_assert_msg(r == 0, "after %s at command %u: %s", kinds[kind].name, n, err_name(r));
	}
	ck_assert_uint_gt(n, 8); /* the scenario has at least so many commands */
	ck_assert_uint_lt(n, FAR);
}

START_TEST(no_accident_leaves_a_trace)
{
	static const struct { const char *image, *from, *to; } images[] = {
		{ "myeid.yaml", NULL, NULL }, { "myeid-3.3.yaml", NULL, NULL },
		{ "myeid.yaml", "version: 4.5.5", "version: 4.0.1" },
	};
	const size_t i = (size_t)_i % 3, kind = (size_t)_i / 3 % (sizeof kinds / sizeof kinds[0]);
	bool making = (size_t)_i >= 3 * (sizeof kinds / sizeof kinds[0]);
	struct io *under;
	struct rig rig;

	rig_open(&rig, virtual_card(images[i].image, images[i].from, images[i].to));
	under = rig.io;
	ck_assert_int_eq(io_fault_new(&under, &rig.io), 0);
	run_kind(&rig, kind, making ? make : use);
	rig_close(&rig);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("card_fault");
	TCase *tc = tcase_create("faults");

	tcase_set_timeout(tc, 120);
	tcase_add_loop_test(tc, no_accident_leaves_a_trace, 0, 6 * (int)(sizeof kinds / sizeof kinds[0]));
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
