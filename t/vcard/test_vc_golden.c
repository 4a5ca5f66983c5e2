/*
 * The traces of t/golden that tell of Finnish cards against the virtual ones: a card that gets their commands
 * gives their answers, but for what the trace stars, which depends on keys or chance: there the length counts.
 * That the driver sends those commands is t/unit/test_golden.c's matter.
 */
#include <dirent.h>

#include "t/unit/unit.h"
#include "t/vcard/vct.h"

#define CHANGES 4
#define BYTES_MAX 300           /* of a command or an answer of a trace */
#define LINE 8192               /* of an image, with a path of the file system in it */

/*
 * A trace, the image of its card, and what this one card has otherwise: text of the image and what stands
 * there instead. `key` of the test PKI is the one that deciphers: what is starred in a cryptogram is made
 * with it, of `plain`.
 */
static const struct row {
	const char *trace, *image, *key, *plain;
	const char *change[CHANGES][2];
} rows[] = {
	/* A test card, of smaller keys and other certificates, behind a reader that speaks T=0 by itself. */
	{ "fineid-3-auth.trace", "fineid-v3.1.yaml", NULL, NULL,
		{ { "t0: yes", "t0: no\nmax-read: 181" }, { "TEST-fineid-v31-auth", "TEST-eidauth2048" },
			{ "50154331, content: [ { file: pki/fineid-v31-auth.cert.pem }",
				"50154331, size: 1664, content: [ { hex: 30 }" } } },
	{ "fineid-3-sign.trace", "fineid-v3.1.yaml", NULL, NULL,
		{ { "t0: yes", "t0: no" },
			{ "50164335, content: [ { file: pki/fineid-v31-sign2.cert.pem }",
				"50164335, size: 1487, content: [ { hex: 30 }" } } },
	{ "fineid-4-auth.trace", "fineid-v4.yaml", NULL, NULL,
		{ { "t0: yes", "t0: no" }, { "85051024122460", "85050011122460" } } },
	{ "fineid-4-sign.trace", "fineid-v4.yaml", NULL, NULL,
		{ { "t0: yes", "t0: no" }, { "85051024122460", "85050011122460" },
			{ "50164332, content: [ { file: pki/fineid-v4-sign.cert.pem }",
				"50164332, size: 1144, content: [ { hex: 30 }" } } },
	{ "fineid-4-pins.trace", "fineid-v4.yaml", NULL, NULL, { { "85051024122460", "85050011122460" } } },
	{ "fineid-3-decipher.trace", "fineid-v3.1.yaml", "fineid-v31-auth", "hello", { { NULL, NULL } } },
	{ "fineid-org-sign.trace", "fineid-org-idme.yaml", NULL, NULL, { { NULL, NULL } } },
	{ "fineid-org-change.trace", "fineid-org-cosmo7.yaml", NULL, NULL,
		{ { "activated: yes", "verify-first: yes" } } },
	{ "fineid-eid2048.trace", "fineid-eid2048.yaml", "eidauth2048", "hello", { { NULL, NULL } } },
	{ "setcos-4.3-sign.trace", "setcos-4.3.2.yaml", "auth1024", "hello", { { NULL, NULL } } },
	{ "setcos-4.3.1-sign.trace", "setcos-4.3.1.yaml", "auth1024", "hello", { { NULL, NULL } } },
	/* Not of FINEID's layout: keys as OpenSC makes them. */
	{ "setcos-4.4-sign.trace", "setcos-4.4.1.yaml", "auth1024", "hello",
		{ { "{ path: 4B01, type: rsa", "{ path: 50155101, type: rsa" } } },
	{ "setcos-eid21.trace", "setcos-eid21.yaml", NULL, NULL, { { NULL, NULL } } },
	{ "miocos-sign.trace", "miocos-1.1.yaml", "auth1024", "hello", { { NULL, NULL } } },
};
#define ROWS (sizeof rows / sizeof rows[0])

/* --- the card --- */

/* Writes a line with the first `from` in it replaced; whether there was one. */
static bool put_replaced(char *line, size_t cap, const char *from, const char *to)
{
	char *at = strstr(line, from), rest[LINE];

	if (at == NULL)
		return false;
	snprintf(rest, sizeof rest, "%s", at + strlen(from));
	snprintf(at, cap - (size_t)(at - line), "%s%s", to, rest);
	return true;
}

/* The card of a row. Its image is written anew in the build folder, where what it names is not beside it. */
static struct vc *card_of(const struct row *row)
{
	char line[LINE], name[256], base[LINE], pki[LINE], copy[] = "golden-XXXXXX", err[512] = "";
	bool made[CHANGES] = { false };
	int fd = mkstemp(copy);
	FILE *in, *out;
	struct vc *vc;

	snprintf(base, sizeof base, "extends: %s", vct_path("t/cards/"));
	snprintf(pki, sizeof pki, "%s", vct_path("t/cards/pki/"));
	snprintf(name, sizeof name, "t/cards/%s", row->image);
	ck_assert((in = fopen(vct_path(name), "r")) != NULL);
	ck_assert(fd >= 0 && (out = fdopen(fd, "w")) != NULL);
	while (fgets(line, sizeof line, in) != NULL) {
		for (size_t i = 0; i < CHANGES && row->change[i][0] != NULL; i++)
			made[i] |= put_replaced(line, sizeof line, row->change[i][0], row->change[i][1]);
		put_replaced(line, sizeof line, "extends: ", base);
		put_replaced(line, sizeof line, "pki/", pki);
		fputs(line, out);
	}
	fclose(in);
	fclose(out);
	for (size_t i = 0; i < CHANGES && row->change[i][0] != NULL; i++)
		ck_assert_msg(made[i], "%s has no \"%s\"", row->image, row->change[i][0]);
	vc = vc_new(copy, err, sizeof err);
	unlink(copy);
	ck_assert_msg(vc != NULL, "%s: %s", row->image, err);
	return vc;
}

/* --- the trace, castor-trace(5) --- */

/* Bytes of a line; `shown` is false for starred ones. */
struct bytes { uint8_t p[BYTES_MAX]; bool shown[BYTES_MAX]; size_t len; };

static bool put_byte(struct bytes *b, uint8_t byte, bool shown)
{
	if (b->len == BYTES_MAX)
		return false;
	b->p[b->len] = byte;
	b->shown[b->len++] = shown;
	return true;
}

/* Reads "00A4 [*3] 9000 # comment"; false when it is something else. */
static bool read_bytes(const char *s, struct bytes *b)
{
	unsigned long stars;
	uint8_t byte;
	char *end;

	for (b->len = 0; *s != '\0' && *s != '#' && *s != '\n';) {
		if (*s == ' ') {
			s++;
		} else if (strncmp(s, "[*", 2) == 0) {
			stars = strtoul(s + 2, &end, 10);
			if (*end != ']' || stars == 0)
				return false;
			while (stars-- != 0)
				if (!put_byte(b, 0, false))
					return false;
			s = end + 1;
		} else if (vc_hex((const char[3]){ s[0], s[1], '\0' }, &byte, 1) == 1 && put_byte(b, byte, true)) {
			s += 2;
		} else {
			return false;
		}
	}
	return true;
}

/* What to put where a command is starred: the next bytes of a cryptogram, else a hash that is any. */
struct secrets { uint8_t cryptogram[VC_RSA_MAX]; size_t len, at; };

static void make_cryptogram(const struct row *row, struct secrets *s)
{
	EVP_PKEY *key;

	s->len = s->at = 0;
	if (row->key == NULL)
		return;
	key = vct_key(row->key);
	s->len = vct_encrypt(key, RSA_PKCS1_PADDING, NULL, row->plain, strlen(row->plain), s->cryptogram,
		sizeof s->cryptogram);
	EVP_PKEY_free(key);
}

/* Fills the stars of a command; false where nothing is known that would do. */
static bool fill(struct bytes *cmd, struct secrets *s)
{
	bool pso = cmd->len > 5 && cmd->p[1] == 0x2A, decipher = pso && cmd->p[2] == 0x80;

	if (!decipher)
		s->at = 0;
	for (size_t i = 0; i < cmd->len; i++) {
		if (cmd->shown[i])
			continue;
		if (!pso || (decipher && s->at == s->len))
			return false;
		cmd->p[i] = decipher ? s->cryptogram[s->at++] : (uint8_t)(0xC0 + i);
	}
	/* the last one of a chain */
	if (decipher && !(cmd->p[0] & 0x10)) {
		if (s->at != s->len)
			return false;
		s->at = 0;
	}
	return true;
}

/* Whether an answer is the one of the trace. */
static bool same(const struct bytes *want, const uint8_t *got, size_t n)
{
	if (n != want->len)
		return false;
	for (size_t i = 0; i < n; i++)
		if (want->shown[i] && want->p[i] != got[i])
			return false;
	return true;
}

static void tell(char *why, size_t room, const uint8_t *got, size_t n)
{
	size_t at = (size_t)snprintf(why, room, "the card has %zu bytes: ", n);

	for (size_t i = 0; i < n && at + 3 < room; i++)
		at += (size_t)snprintf(why + at, room - at, "%02X", got[i]);
}

/*
 * Sends a trace's commands to a card. Returns 0 when it answered each of them as the trace has it, else the
 * number of the line that differs, with a word about it in why. *steps counts what was compared.
 */
static unsigned replay(struct vc *vc, FILE *trace, struct secrets *s, char *why, size_t room, size_t *steps)
{
	char line[1024];
	unsigned number = 0;
	bool asked = false, good;
	struct bytes want;
	uint8_t got[VC_RSA_MAX + 2];
	size_t n = 0;

	*steps = 0;
	while (fgets(line, sizeof line, trace) != NULL) {
		number++;
		snprintf(why, room, "this line is none that can be played");
		if (line[0] == '#' || line[0] == '\n' || strncmp(line, "= reader ", 9) == 0)
			continue;
		if (line[0] == '>') {
			if (asked || !read_bytes(line + 1, &want) || !fill(&want, s))
				return number;
			n = vc_apdu(vc, want.p, want.len, got, sizeof got);
			asked = true;
			continue;
		}
		if (line[0] == '<' && asked && read_bytes(line + 1, &want)) {
			/* a status word is never starred */
			good = want.len >= 2 && want.shown[want.len - 2] && want.shown[want.len - 1];
			asked = false;
		} else {
			good = !asked && strncmp(line, "= atr ", 6) == 0 && read_bytes(line + 6, &want);
			n = vc_atr(vc, got, sizeof got);
		}
		if (!good)
			return number;
		tell(why, room, got, n);
		if (!same(&want, got, n))
			return number;
		++*steps;
	}
	return asked ? number : 0;
}

/* --- the tests --- */

START_TEST(a_card_answers_as_the_trace_says)
{
	const struct row *row = &rows[_i];
	struct vc *vc = card_of(row);
	char name[256], why[2048] = "";
	struct secrets secrets;
	unsigned number;
	size_t steps;
	FILE *trace;

	snprintf(name, sizeof name, "t/golden/%s", row->trace);
	ck_assert((trace = fopen(vct_path(name), "r")) != NULL);
	make_cryptogram(row, &secrets);
	number = replay(vc, trace, &secrets, why, sizeof why, &steps);
	ck_assert_msg(number == 0, "%s:%u: %s", row->trace, number, why);
	ck_assert_msg(steps > 2, "%s: nothing was compared", row->trace);
	fclose(trace);
	vc_free(&vc);
}
END_TEST

START_TEST(every_trace_of_a_finnish_card_has_its_row)
{
	static const char *const kinds[] = { "fineid-", "setcos-", "miocos-" };
	DIR *dir = opendir(vct_path("t/golden"));
	const struct dirent *entry;
	size_t found = 0, i;

	ck_assert(dir != NULL);
	while ((entry = readdir(dir)) != NULL)
		for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++) {
			if (strncmp(entry->d_name, kinds[k], strlen(kinds[k])) != 0)
				continue;
			for (i = 0; i < ROWS && strcmp(rows[i].trace, entry->d_name) != 0; i++)
				;
			ck_assert_msg(i < ROWS, "%s has no row", entry->d_name);
			found++;
		}
	closedir(dir);
	ck_assert_uint_eq(found, ROWS);
}
END_TEST

#define MIOCOS "= atr 3B9D944023006810114D696F434F53009000\n"
#define HERE "00A4000C02 3F00"

/* What would let the others pass whatever a card says. */
START_TEST(a_difference_is_found_and_told_by_its_line)
{
	static const struct { const char *trace; unsigned line; } cases[] = {
		{ "= reader x\n" MIOCOS "> " HERE "\n< 9000\n", 0 },
		{ "# so\n\n> 00A4000C02 2F00\n< 9000\n> 00B0000004\n< 61 [*3] 9000 # so\n", 0 },
		{ "= atr 3B9D944023006810114D696F434F53009001\n", 1 },
		{ MIOCOS "> " HERE "\n< 9001\n", 3 },
		{ MIOCOS "> " HERE "\n< [*1] 9000\n", 3 },
		{ MIOCOS "> " HERE "\n< [*2]\n", 3 },
		{ "> 00A4000C02 2F00\n< 9000\n> 00B0000004\n< 62 [*3] 9000\n", 4 },
		{ "> 00A4000C02 2F00\n< 9000\n> 00B0000004\n< 61 [*4] 9000\n", 4 },
		{ "> 00A4000C02 2F00\n< 9000\n> 00B0000004\n< 9000\n", 4 },
		{ "> " HERE "\n", 1 },
		{ "> " HERE "\n> " HERE "\n< 9000\n", 2 },
		{ "< 9000\n", 1 },
		{ "> 00A4000C02 3F0\n< 9000\n", 1 },
		{ "! reset\n", 1 },
		/* a PIN must not be starred, and a cryptogram is as long as the key */
		{ "> 0020000108 [*8]\n< 9000\n", 1 },
		{ "> 002A808681 00 [*127] 00\n< 9000\n", 1 },
		{ "> 002A808681 00 [*129] 00\n< 9000\n", 1 },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct vc *vc = vct_card("miocos-1.1.yaml");
		struct secrets secrets = { .len = 128 };
		char text[512], why[1024] = "";
		unsigned line;
		size_t steps;
		FILE *f;

		snprintf(text, sizeof text, "%s", cases[i].trace);
		ck_assert((f = fmemopen(text, strlen(text), "r")) != NULL);
		line = replay(vc, f, &secrets, why, sizeof why, &steps);
		ck_assert_msg(line == cases[i].line, "case %zu: line %u, %s", i, line, why);
		fclose(f);
		vc_free(&vc);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("vc_golden");
	TCase *tc = tcase_create("golden");

	tcase_set_timeout(tc, 120);
	tcase_add_loop_test(tc, a_card_answers_as_the_trace_says, 0, (int)ROWS);
	tcase_add_test(tc, every_trace_of_a_finnish_card_has_its_row);
	tcase_add_test(tc, a_difference_is_found_and_told_by_its_line);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
