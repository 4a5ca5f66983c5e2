#include "base/text.h"

#include <locale.h>
#include <string.h>

#include "base/embedded.h"
#include "base/mo.h"
#include "t/unit/mutate.h"
#include "t/unit/unit.h"

static void
environment(const char *lc_all, const char *lc_messages, const char *lang)
{
	const char *const names[] = { "LC_ALL", "LC_MESSAGES", "LANG" };
	const char *const values[] = { lc_all, lc_messages, lang };

	for (size_t i = 0; i < 3; i++) {
		if (values[i])
			ck_assert_int_eq(setenv(names[i], values[i], 1), 0);
		else
			ck_assert_int_eq(unsetenv(names[i]), 0);
	}
}

static const struct {
	const char *name;
	enum text_lang lang;
} names[] = {
	{ "fi", TEXT_FI }, { "fi_FI", TEXT_FI }, { "fi_FI.UTF-8", TEXT_FI }, { "fi.UTF-8", TEXT_FI },
	{ "fi@euro", TEXT_FI }, { "fi_FI@euro", TEXT_FI }, { "fi_FI.ISO-8859-15@euro", TEXT_FI },
	{ "sv", TEXT_SV }, { "sv_FI.UTF-8", TEXT_SV }, { "sv_SE", TEXT_SV },
	{ "en", TEXT_EN }, { "en_GB.UTF-8", TEXT_EN }, { "C", TEXT_EN }, { "C.UTF-8", TEXT_EN },
	{ "POSIX", TEXT_EN }, { "de_DE.UTF-8", TEXT_EN }, { "fil_PH", TEXT_EN }, { "f", TEXT_EN },
	{ "svx", TEXT_EN }, { "_fi", TEXT_EN }, { ".", TEXT_EN }, { "FI", TEXT_EN },
};

START_TEST(the_name_of_a_locale_tells_the_language)
{
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		environment(NULL, NULL, names[i].name);
		ck_assert_msg(text_lang("") == names[i].lang, "%s", names[i].name);
	}
	ck_assert_str_eq(text_lang_code(TEXT_EN), "en");
	ck_assert_str_eq(text_lang_code(TEXT_FI), "fi");
	ck_assert_str_eq(text_lang_code(TEXT_SV), "sv");
}
END_TEST

static const struct {
	const char *lc_all, *lc_messages, *lang;
	enum text_lang want;
} orders[] = {
	{ NULL, NULL, NULL, TEXT_EN },
	{ NULL, NULL, "fi_FI", TEXT_FI },
	{ NULL, "sv_SE", "fi_FI", TEXT_SV },
	{ NULL, "sv_SE", NULL, TEXT_SV },
	{ "fi_FI", "sv_SE", "en_US", TEXT_FI },
	{ "fi_FI", NULL, NULL, TEXT_FI },
	{ "", "", "fi_FI", TEXT_FI },
	{ "", "sv_SE", "fi_FI", TEXT_SV },
	{ "", "", "", TEXT_EN },
	/* the first that says something decides, also when it says a language we have not */
	{ "C", "sv_SE", "fi_FI", TEXT_EN },
	{ "de_DE", NULL, "fi_FI", TEXT_EN },
	{ NULL, "POSIX", "fi_FI", TEXT_EN },
};

START_TEST(the_first_variable_that_is_not_empty_decides)
{
	for (size_t i = 0; i < sizeof orders / sizeof orders[0]; i++) {
		environment(orders[i].lc_all, orders[i].lc_messages, orders[i].lang);
		ck_assert_msg(text_lang("") == orders[i].want, "row %zu", i);
		ck_assert_msg(text_lang(NULL) == orders[i].want, "row %zu", i);
	}
}
END_TEST

START_TEST(the_setting_is_stronger_than_the_environment)
{
	environment("fi_FI", "fi_FI", "fi_FI");
	ck_assert_int_eq((int)text_lang("sv"), TEXT_SV);
	ck_assert_int_eq((int)text_lang("en"), TEXT_EN);
	environment("sv_SE", NULL, NULL);
	ck_assert_int_eq((int)text_lang("fi"), TEXT_FI);
}
END_TEST

START_TEST(a_text_is_translated)
{
	ck_assert_str_eq(text(TEXT_EN, "Cancel"), "Cancel");
	ck_assert_str_eq(text(TEXT_FI, "Cancel"), "Peruuta");
	ck_assert_str_eq(text(TEXT_SV, "Cancel"), "Avbryt");
	ck_assert_str_eq(text(TEXT_FI, "Again:"), "Uudelleen:");
	ck_assert_str_eq(text(TEXT_SV, "Wrong PIN."), "Fel kod.");
}
END_TEST

START_TEST(an_unknown_text_is_itself)
{
	static const char *const unknown[] = { "", "A", "Cance", "Cancel ", "cancel", "zzz", "\xFF" };

	for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++)
		for (int lang = TEXT_EN; lang <= TEXT_SV; lang++)
			ck_assert_ptr_eq(text((enum text_lang)lang, unknown[i]), unknown[i]);
}
END_TEST

START_TEST(a_number_has_two_forms)
{
	static const char one[] = "%lu try left.", many[] = "%lu tries left.";

	ck_assert_ptr_eq(text_n(TEXT_EN, one, many, 1), one);
	ck_assert_ptr_eq(text_n(TEXT_EN, one, many, 0), many);
	ck_assert_ptr_eq(text_n(TEXT_EN, one, many, 2), many);
	ck_assert_str_eq(text_n(TEXT_FI, one, many, 1), "%lu yritys j\xC3\xA4ljell\xC3\xA4.");
	for (unsigned long n = 0; n < 300; n += n ? 7 : 2)
		ck_assert_str_eq(text_n(TEXT_FI, one, many, n),
		    "%lu yrityst\xC3\xA4 j\xC3\xA4ljell\xC3\xA4.");
	ck_assert_str_eq(text_n(TEXT_SV, one, many, 1), "%lu f\xC3\xB6rs\xC3\xB6k kvar.");
	ck_assert_str_eq(text_n(TEXT_SV, one, many, 4), "%lu f\xC3\xB6rs\xC3\xB6k kvar.");
	/* unknown ones, and one that has no second form */
	ck_assert_str_eq(text_n(TEXT_FI, "%lu cat", "%lu cats", 1), "%lu cat");
	ck_assert_str_eq(text_n(TEXT_FI, "%lu cat", "%lu cats", 2), "%lu cats");
	ck_assert_str_eq(text_n(TEXT_FI, "Cancel", "Cancels", 2), "Cancels");
}
END_TEST

START_TEST(the_locale_of_the_program_stays)
{
	char *before;

	environment("fi_FI.UTF-8", NULL, NULL);
	setlocale(LC_ALL, "C");
	before = strdup(setlocale(LC_ALL, NULL));
	ck_assert_str_eq(text(text_lang(""), "Cancel"), "Peruuta");
	ck_assert_str_eq(setlocale(LC_ALL, NULL), before);
	/* and says nothing about the language either */
	environment(NULL, NULL, NULL);
	setlocale(LC_ALL, "C.UTF-8");
	ck_assert_str_eq(text(text_lang(""), "Cancel"), "Cancel");
	free(before);
}
END_TEST

/* ---- catalogues made by hand ---- */

static void
put_number(struct buf *b, bool big, uint32_t n)
{
	for (unsigned i = 0; i < 4; i++)
		buf_u8(b, n >> 8 * (big ? 3 - i : i) & 0xFF);
}

struct message {
	const char *id, *text; /* with a NUL inside, and one behind */
	size_t id_len, text_len;
};

#define MESSAGE(i, t) { i, t, sizeof i - 1, sizeof t - 1 }

static const struct message messages[] = {
	MESSAGE("", "Language: xx\n"),
	MESSAGE("apple", "omena"),
	MESSAGE("cat\0cats", "kissa\0kissat"),
	MESSAGE("cats", "kissoja"),
	MESSAGE("nothing", ""),
	MESSAGE("\xC3\xA4", "a-umlaut"),
};

#define N_MESSAGES (sizeof messages / sizeof messages[0])

static void
catalogue(struct buf *b, bool big)
{
	uint32_t at = 20 + 16 * (uint32_t)N_MESSAGES;

	put_number(b, big, 0x950412DE);
	put_number(b, big, 0);
	put_number(b, big, (uint32_t)N_MESSAGES);
	put_number(b, big, 20);
	put_number(b, big, 20 + 8 * (uint32_t)N_MESSAGES);
	for (size_t i = 0; i < N_MESSAGES; i++) {
		put_number(b, big, (uint32_t)messages[i].id_len);
		put_number(b, big, at);
		at += (uint32_t)messages[i].id_len + 1;
	}
	for (size_t i = 0; i < N_MESSAGES; i++) {
		put_number(b, big, (uint32_t)messages[i].text_len);
		put_number(b, big, at);
		at += (uint32_t)messages[i].text_len + 1;
	}
	for (size_t i = 0; i < N_MESSAGES; i++)
		buf_put(b, messages[i].id, messages[i].id_len + 1);
	for (size_t i = 0; i < N_MESSAGES; i++)
		buf_put(b, messages[i].text, messages[i].text_len + 1);
	ck_assert_int_eq(buf_err(b), 0);
}

START_TEST(catalogues_of_both_byte_orders_are_read)
{
	struct buf b = BUF_INIT;

	for (int big = 0; big < 2; big++) {
		buf_reset(&b);
		catalogue(&b, big);
		ck_assert_str_eq(mo_find(buf_peek(&b), "apple", false), "omena");
		ck_assert_str_eq(mo_find(buf_peek(&b), "cat", false), "kissa");
		ck_assert_str_eq(mo_find(buf_peek(&b), "cat", true), "kissat");
		ck_assert_str_eq(mo_find(buf_peek(&b), "cats", false), "kissoja");
		ck_assert_str_eq(mo_find(buf_peek(&b), "\xC3\xA4", false), "a-umlaut");
		ck_assert_ptr_null(mo_find(buf_peek(&b), "cats", true));
		ck_assert_ptr_null(mo_find(buf_peek(&b), "", false));
		ck_assert_ptr_null(mo_find(buf_peek(&b), "nothing", false));
		ck_assert_ptr_null(mo_find(buf_peek(&b), "appl", false));
		ck_assert_ptr_null(mo_find(buf_peek(&b), "zebra", false));
	}
	buf_free(&b);
}
END_TEST

/* One number of a good catalogue changed; `found`: the texts are there all the same. */
static const struct {
	const char *what;
	size_t at;
	uint32_t value;
	bool found;
} damages[] = {
	{ "nothing", 0, 0x950412DE, true },
	{ "another magic number", 0, 0x950412DF, false },
	{ "a minor revision", 4, 0x00000007, true },
	{ "major revision 1", 4, 0x00010000, true },
	{ "major revision 2", 4, 0x00020000, false },
	{ "no messages", 8, 0, false },
	{ "more messages than bytes", 8, 1000000, false },
	{ "so many that eight times that is small again", 8, 0x20000001, false },
	{ "ids outside", 12, 0xFFFFFFF0, false },
	{ "texts outside", 16, 0xFFFFFFF0, false },
	{ "an id outside", 20 + 8 * 2 + 4, 0xFFFFFFFF, false },
	{ "an id as long as can be", 20 + 8 * 2, 0xFFFFFFFF, false },
	{ "an id without its NUL", 20 + 8 * 2, 3, true }, /* "cat", with the NUL that is inside */
	{ "an id that ends in the middle", 20 + 8 * 2, 5, false },
	{ "a text outside", 20 + 8 * (N_MESSAGES + 2) + 4, 100000, false },
	{ "a text as long as can be", 20 + 8 * (N_MESSAGES + 2), 0xFFFFFFFF, false },
	{ "a text that ends in the middle", 20 + 8 * (N_MESSAGES + 2), 2, false },
};

START_TEST(a_damaged_catalogue_has_no_texts)
{
	struct buf b = BUF_INIT, number = BUF_INIT;
	const char *found;

	for (size_t i = 0; i < sizeof damages / sizeof damages[0]; i++) {
		buf_reset(&b);
		buf_reset(&number);
		catalogue(&b, true);
		put_number(&number, true, damages[i].value);
		memcpy(b.p + damages[i].at, number.p, 4);
		found = mo_find(buf_peek(&b), "cat", false);
		ck_assert_msg((found != NULL) == damages[i].found, "%s", damages[i].what);
		if (found)
			ck_assert_str_eq(found, "kissa");
	}
	buf_free(&b);
	buf_free(&number);
}
END_TEST

/* Whatever is found ends inside the catalogue. */
static void
look_up(struct view damaged, void *arg)
{
	static const char *const ids[] = { "Again:", "Cancel", "Wrong PIN.", "%lu try left.", "zzz" };
	size_t *found = arg;
	const char *p;

	for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
		for (int many = 0; many < 2; many++) {
			if (!(p = mo_find(damaged, ids[i], many)))
				continue;
			++*found;
			ck_assert(p >= (const char *)damaged.p &&
			    p < (const char *)damaged.p + damaged.len);
			ck_assert_ptr_nonnull(memchr(p, 0,
			    (size_t)((const char *)damaged.p + damaged.len - p)));
		}
	}
}

START_TEST(no_damage_to_a_catalogue_does_harm)
{
	struct buf b = BUF_INIT;
	size_t found = 0;
	struct mutate m = { .run = look_up, .arg = &found };

	/* the head and the tables of the real ones, whose texts are found in them as in the small one below */
	ck_assert_uint_eq(text_catalogues_count, 2);
	for (size_t i = 0; i < text_catalogues_count; i++) {
		uint8_t *work = malloc(text_catalogues[i].len);

		ck_assert_ptr_nonnull(work);
		memcpy(work, text_catalogues[i].text, text_catalogues[i].len);
		m.good = view_of(work, text_catalogues[i].len);
		for (size_t at = 0; at < m.good.len; at += at < 64 ? 1 : 61)
			mutate_byte(&m, work, at);
		for (size_t len = 0; len < m.good.len; len += 97)
			mutate_one(&m, view_of(work, len));
		free(work);
		ck_assert_uint_gt(m.runs, 1000);
	}
	catalogue(&b, true);
	m.good = buf_peek(&b);
	ck_assert_uint_gt(mutate(&m), 1000);
	ck_assert_uint_gt(found, 1000);
	buf_free(&b);
}
END_TEST

UNIT_MAIN("text", the_name_of_a_locale_tells_the_language,
    the_first_variable_that_is_not_empty_decides, the_setting_is_stronger_than_the_environment,
    a_text_is_translated, an_unknown_text_is_itself, a_number_has_two_forms,
    the_locale_of_the_program_stays, catalogues_of_both_byte_orders_are_read,
    a_damaged_catalogue_has_no_texts, no_damage_to_a_catalogue_does_harm)
