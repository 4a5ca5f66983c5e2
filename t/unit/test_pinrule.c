#include "token/pinrule.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/os.h"
#include "base/text.h"
#include "t/unit/unit.h"

static char path[] = "/tmp/castor-pin-XXXXXX";

/* What the card's directory says. */
#define REF(c, lo, hi, block) { .coding = c, .min = lo, .max = hi, .stored = block, .ref = 0x11 }

static const struct pin_ref ascii = REF(PIN_ASCII, 4, 8, 8), utf8 = REF(PIN_UTF8, 4, 8, 16),
    utf8_tight = REF(PIN_UTF8, 4, 8, 8), bcd = REF(PIN_BCD, 4, 12, 8),
    half = REF(PIN_HALF_NIBBLE_BCD, 4, 8, 8), glp = REF(PIN_GLP, 4, 14, 8),
    open_end = REF(PIN_ASCII, 4, 0, 8), bcd_open_end = REF(PIN_BCD, 4, 0, 8),
    glp_open_end = REF(PIN_GLP, 4, 0, 0), unpadded = REF(PIN_ASCII, 4, 0, 0),
    beyond = REF(PIN_ASCII, 4, 12, 8);

#define O_UML "\xC3\xB6"

static const struct {
	const char *rule; /* what the row shows */
	const struct pin_ref *ref;
	const char *settings, *pin;
	enum pin_fault want;
} cases[] = {
	/* length: the directory */
	{ "the shortest", &ascii, "", "1357", PIN_FINE },
	{ "below the shortest", &ascii, "", "135", PIN_SHORT },
	{ "the longest", &ascii, "", "13571357", PIN_FINE },
	{ "above the longest", &ascii, "", "135713571", PIN_LONG },
	{ "none at all", &ascii, "", "", PIN_SHORT },
	/* max 0: only what the block holds */
	{ "max 0: a full block", &open_end, "", "13571357", PIN_FINE },
	{ "max 0: more than the block", &open_end, "", "135713571", PIN_LONG },
	{ "max 0: two digits to a byte", &bcd_open_end, "", "1357135713571357", PIN_FINE },
	{ "max 0: more than two digits to a byte", &bcd_open_end, "", "13571357135713571", PIN_LONG },
	{ "max 0: a GLP block holds 14", &glp_open_end, "", "13571357135713", PIN_FINE },
	{ "max 0: a GLP block holds no 15", &glp_open_end, "", "135713571357135", PIN_LONG },
	{ "max 0 and no block: nothing is too long", &unpadded, "", "1357135713571357135713571357",
	    PIN_FINE },
	{ "the block is hard, whatever max says", &beyond, "", "135713571", PIN_LONG },
	/* pinMinLength */
	{ "pinMinLength asks for more", &ascii, "pinMinLength = 6", "13571", PIN_SHORT },
	{ "pinMinLength is what it asks for", &ascii, "pinMinLength = 6", "135713", PIN_FINE },
	{ "pinMinLength asks for less", &ascii, "pinMinLength = 2", "13", PIN_FINE },
	{ "pinMinLength asks for a little less", &ascii, "pinMinLength = 2", "1", PIN_SHORT },
	{ "pinMinLength set to 0: no shortest", &ascii, "pinMinLength = 0", "1", PIN_FINE },
	{ "pinMinLength set to 0: but an empty one is none", &ascii, "pinMinLength = 0", "",
	    PIN_SHORT },
	{ "pinMinLength leaves the longest alone", &ascii, "pinMinLength = 2", "135713571", PIN_LONG },
	{ "pinMinLength above the block: every PIN is too short", &ascii, "pinMinLength = 9",
	    "13571357", PIN_SHORT },
	{ "pinMinLength above the block: or too long", &ascii, "pinMinLength = 9", "135713571",
	    PIN_LONG },
	/* characters */
	{ "UTF-8 is counted in characters: short", &utf8, "", O_UML O_UML "a", PIN_SHORT },
	{ "UTF-8 is counted in characters: long enough", &utf8, "", O_UML O_UML "ab", PIN_FINE },
	{ "UTF-8 is counted in characters: the longest", &utf8, "",
	    O_UML O_UML O_UML O_UML O_UML O_UML O_UML O_UML, PIN_FINE },
	{ "UTF-8 is counted in characters: too long", &utf8, "", "abcdefgh" O_UML, PIN_LONG },
	{ "but the block in bytes: full", &utf8_tight, "", O_UML O_UML O_UML O_UML, PIN_FINE },
	{ "but the block in bytes: too full", &utf8_tight, "", O_UML O_UML O_UML O_UML "a", PIN_LONG },
	{ "what is no UTF-8", &utf8, "", "abc\xC3", PIN_FOREIGN },
	{ "a control character", &utf8, "", "abc\n", PIN_FOREIGN },
	{ "a letter that ASCII has not", &ascii, "pinNumericValuesOnly = 0", "abc" O_UML,
	    PIN_FOREIGN },
	{ "DEL", &ascii, "pinNumericValuesOnly = 0", "abc\x7F", PIN_FOREIGN },
	{ "all others of ASCII", &ascii, "pinNumericValuesOnly = 0", " !~@", PIN_FINE },
	/* digits only */
	{ "ASCII says digits", &ascii, "", "135a", PIN_NOT_DIGITS },
	{ "UTF-8 does not", &utf8, "", "135a", PIN_FINE },
	{ "what is next to the digits below", &ascii, "", "135/", PIN_NOT_DIGITS },
	{ "what is next to the digits above", &ascii, "", "135:", PIN_NOT_DIGITS },
	{ "both ends of the digits", &ascii, "", "0909", PIN_FINE },
	{ "pinNumericValuesOnly = 1 over UTF-8", &utf8, "pinNumericValuesOnly = 1", "135a",
	    PIN_NOT_DIGITS },
	{ "pinNumericValuesOnly = 1 takes digits", &utf8, "pinNumericValuesOnly = 1", "1357",
	    PIN_FINE },
	{ "pinNumericValuesOnly = 0 over ASCII", &ascii, "pinNumericValuesOnly = 0", "135a", PIN_FINE },
	{ "BCD holds digits only", &bcd, "", "135a", PIN_NOT_DIGITS },
	{ "BCD, whatever pinNumericValuesOnly says", &bcd, "pinNumericValuesOnly = 0", "135a",
	    PIN_NOT_DIGITS },
	{ "BCD, whatever pinIgnorePinTypeCheck says", &bcd, "pinIgnorePinTypeCheck = 1", "135a",
	    PIN_NOT_DIGITS },
	{ "half nibbles hold digits only", &half, "pinIgnorePinTypeCheck = 1", "135a",
	    PIN_NOT_DIGITS },
	{ "GLP holds digits only", &glp, "pinIgnorePinTypeCheck = 1", "135a", PIN_NOT_DIGITS },
	{ "half nibbles take digits", &half, "", "1357", PIN_FINE },
	{ "pinIgnorePinTypeCheck over the directory", &ascii, "pinIgnorePinTypeCheck = 1", "135a",
	    PIN_FINE },
	{ "pinIgnorePinTypeCheck over pinNumericValuesOnly", &utf8,
	    "pinIgnorePinTypeCheck = 1\npinNumericValuesOnly = 1", "135a", PIN_FINE },
	{ "pinIgnorePinTypeCheck = 0 is nothing", &ascii, "pinIgnorePinTypeCheck = 0", "135a",
	    PIN_NOT_DIGITS },
	{ "pinIgnorePinTypeCheck knows what ASCII cannot hold", &ascii, "pinIgnorePinTypeCheck = 1",
	    "135" O_UML, PIN_FOREIGN },
	{ "pinIgnorePinTypeCheck leaves lengths alone", &ascii, "pinIgnorePinTypeCheck = 1", "13a",
	    PIN_SHORT },
	/* pinComplexityCheck, bit by bit */
	{ "no bit: the same", &ascii, "pinComplexityCheck = 0", "1111", PIN_FINE },
	{ "no bit: running", &ascii, "pinComplexityCheck = 0", "1234", PIN_FINE },
	{ "no bit: far", &ascii, "pinComplexityCheck = 0", "0909", PIN_FINE },
	{ "bit 0: two neighbours the same", &ascii, "pinComplexityCheck = 1", "1577", PIN_SAME },
	{ "bit 0: the first two the same", &ascii, "pinComplexityCheck = 1", "1157", PIN_SAME },
	{ "bit 0: the same, but no neighbours", &ascii, "pinComplexityCheck = 1", "1515", PIN_FINE },
	{ "bit 0: running is fine", &ascii, "pinComplexityCheck = 1", "1234", PIN_FINE },
	{ "bit 0: the same character of two bytes", &utf8, "pinComplexityCheck = 1",
	    "ax" O_UML O_UML, PIN_SAME },
	{ "bit 0: only the second byte is the same", &utf8, "pinComplexityCheck = 1",
	    "ax\xC3\xA4\xC2\xA4", PIN_FINE },
	{ "bit 1: up", &ascii, "pinComplexityCheck = 2", "1367", PIN_RUNNING },
	{ "bit 1: down", &ascii, "pinComplexityCheck = 2", "7631", PIN_RUNNING },
	{ "bit 1: letters", &utf8, "pinComplexityCheck = 2", "xaqr", PIN_RUNNING },
	{ "bit 1: 9 and 0 do not follow each other", &ascii, "pinComplexityCheck = 2", "5909",
	    PIN_FINE },
	{ "bit 1: the same is fine", &ascii, "pinComplexityCheck = 2", "1111", PIN_FINE },
	{ "bit 2: a mean of 4", &ascii, "pinComplexityCheck = 4", "1595", PIN_FINE },
	{ "bit 2: a mean of 4 with a large one", &ascii, "pinComplexityCheck = 4", "0978", PIN_FINE },
	{ "bit 2: a little more than 4", &ascii, "pinComplexityCheck = 4", "1594", PIN_FAR },
	{ "bit 2: far more", &ascii, "pinComplexityCheck = 4", "0909", PIN_FAR },
	{ "bit 2: one character has no neighbours", &utf8, "pinMinLength = 1\npinComplexityCheck = 4",
	    "z", PIN_FINE },
	{ "bit 2: letters and digits are far", &utf8, "pinComplexityCheck = 4", "a1a1", PIN_FAR },
	{ "bit 3: digits over UTF-8", &utf8, "pinComplexityCheck = 8", "135a", PIN_NOT_DIGITS },
	{ "bit 3: digits, whatever pinNumericValuesOnly says", &utf8,
	    "pinComplexityCheck = 8\npinNumericValuesOnly = 0", "135a", PIN_NOT_DIGITS },
	{ "bit 3: pinIgnorePinTypeCheck sets types aside, not this", &ascii,
	    "pinComplexityCheck = 8\npinIgnorePinTypeCheck = 1", "135a", PIN_NOT_DIGITS },
	{ "bit 3: takes digits", &utf8, "pinComplexityCheck = 8", "1357", PIN_FINE },
	{ "bit 4: all three", &utf8, "pinComplexityCheck = 16", "aZ0a", PIN_FINE },
	{ "bit 4: all three, at the other ends", &utf8, "pinComplexityCheck = 16", "zA9z", PIN_FINE },
	{ "bit 4: no digit", &utf8, "pinComplexityCheck = 16", "aZaZ", PIN_MIX },
	{ "bit 4: no small letter", &utf8, "pinComplexityCheck = 16", "0Z0Z", PIN_MIX },
	{ "bit 4: no capital letter", &utf8, "pinComplexityCheck = 16", "0a0a", PIN_MIX },
	{ "bit 4: what is next to the letters", &utf8, "pinComplexityCheck = 16", "@[`{5", PIN_MIX },
	{ "bit 4: others may be in it", &utf8, "pinComplexityCheck = 16", "aZ0-", PIN_FINE },
	{ "bit 4: with pinIgnorePinTypeCheck over ASCII", &ascii,
	    "pinComplexityCheck = 16\npinIgnorePinTypeCheck = 1", "aaa0", PIN_MIX },
	{ "bit 4: where only digits can be, no PIN is fine", &ascii, "pinComplexityCheck = 16", "1357",
	    PIN_MIX },
	/* the first thing found */
	{ "the length before the digits", &ascii, "", "a", PIN_SHORT },
	{ "the digits before complexity", &ascii, "pinComplexityCheck = 1", "aabb", PIN_NOT_DIGITS },
	{ "bit 0 before bit 1", &ascii, "pinComplexityCheck = 3", "1233", PIN_SAME },
	{ "bit 1 before bit 2", &ascii, "pinComplexityCheck = 6", "0989", PIN_RUNNING },
	{ "bit 2 before bit 4", &utf8, "pinComplexityCheck = 20", "0909", PIN_FAR },
	{ "all bits but the digits", &utf8, "pinComplexityCheck = 23", "Zb7q", PIN_FAR },
};

static void
check_case(size_t i)
{
	struct settings_from from = { .system = path, .user = "", .exe = "",
	    .auto_login = "" };
	struct settings *s = NULL;
	struct pinrule rule;
	enum pin_fault got;
	int fd = open(path, O_WRONLY | O_TRUNC);

	ck_assert_int_ge(fd, 0);
	ck_assert(os_write_all(fd, cases[i].settings, strlen(cases[i].settings)));
	close(fd);
	ck_assert_int_eq(settings_load(&from, &s), 0);
	ck_assert_ptr_null(settings_note(s, 0));
	pinrule_of(s, cases[i].ref, &rule);
	got = pinrule_check(&rule, view_str(cases[i].pin));
	ck_assert_msg(got == cases[i].want, "%s: %d", cases[i].rule, (int)got);
	settings_free(&s);
}

START_TEST(each_rule_holds)
{
	close(mkstemp(path));
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		check_case(i);
	unlink(path);
}
END_TEST

START_TEST(a_rule_says_what_a_dialog_may_take)
{
	struct settings_from from = { .system = "", .user = "", .exe = "",
	    .auto_login = "" };
	struct settings *s = NULL;
	struct pinrule rule;

	ck_assert_int_eq(settings_load(&from, &s), 0);
	pinrule_of(s, &beyond, &rule);
	ck_assert(rule.min == 4 && rule.max == 8 && rule.digits && !rule.complexity);
	pinrule_of(s, &utf8, &rule);
	ck_assert(rule.min == 4 && rule.max == 8 && rule.bytes == 16 && !rule.digits && !rule.ascii);
	pinrule_of(s, &unpadded, &rule);
	ck_assert(rule.max == 0 && rule.bytes == 0 && rule.ascii);
	settings_free(&s);
}
END_TEST

/* Every fault has a sentence of its own, in every language, and an answer. */
START_TEST(each_fault_is_said)
{
	const char *p;

	ck_assert_str_eq(pinrule_text(PIN_FINE), "");
	ck_assert_uint_eq(pinrule_rv(PIN_FINE), CKR_OK);
	for (int i = PIN_FINE + 1; i < PIN_FAULTS; i++) {
		p = pinrule_text((enum pin_fault)i);
		ck_assert_ptr_nonnull(p);
		ck_assert_uint_gt(strlen(p), 10);
		ck_assert_ptr_ne(text(TEXT_FI, p), p);
		ck_assert_ptr_ne(text(TEXT_SV, p), p);
		for (int j = PIN_FINE; j < i; j++)
			ck_assert_str_ne(p, pinrule_text((enum pin_fault)j));
		ck_assert_uint_eq(pinrule_rv((enum pin_fault)i), i == PIN_SHORT || i == PIN_LONG ?
		    CKR_PIN_LEN_RANGE : CKR_PIN_INVALID);
	}
}
END_TEST

UNIT_MAIN("pinrule", each_rule_holds, a_rule_says_what_a_dialog_may_take, each_fault_is_said)
