#include "token/dialog_text.h"

#include <string.h>

#include "base/utf8.h"
#include "t/unit/unit.h"

#define LABEL_BYTES 20 /* of the 32 of CK_TOKEN_INFO.label; the card's own name gets the others */

START_TEST(every_text_is_one_line_in_every_language)
{
	struct view v;
	const char *p;
	uint32_t c;

	for (int lang = TEXT_EN; lang <= TEXT_SV; lang++) {
		for (int i = 0; i < DIALOG_TEXTS; i++) {
			ck_assert_msg(dialog_texts[i] != NULL, "text %d is missing", i);
			p = dialog_text((enum text_lang)lang, (enum dialog_text)i);
			v = view_str(p);
			while (utf8_take(&v, &c))
				ck_assert_msg(c >= ' ' && c != '%', "%s", p);
			ck_assert_msg(!v.len && *p, "text %d", i);
			/* the catalogue has it: English is not handed out in its place */
			ck_assert_msg(lang == TEXT_EN || p != dialog_texts[i], "%s", p);
		}
	}
}
END_TEST

START_TEST(a_label_leaves_room_for_the_name_of_the_card)
{
	for (int lang = TEXT_EN; lang <= TEXT_SV; lang++)
		for (int i = DIALOG_LABEL1; i <= DIALOG_LABEL2; i++)
			ck_assert_uint_le(strlen(dialog_text((enum text_lang)lang,
			    (enum dialog_text)i)), LABEL_BYTES);
}
END_TEST

START_TEST(lines_with_something_in_them)
{
	struct buf b = BUF_INIT;

	dialog_put_tries(&b, TEXT_EN, 1);
	dialog_put_tries(&b, TEXT_EN, 2);
	ck_assert_str_eq(buf_text(&b), "1 try left.2 tries left.");
	buf_reset(&b);
	dialog_put_tries(&b, TEXT_SV, 3);
	ck_assert_str_eq(buf_text(&b), "3 f\xC3\xB6rs\xC3\xB6k kvar.");
	buf_reset(&b);
	dialog_put_card(&b, TEXT_FI, "HENKIL\xC3\x96KORTTI %s");
	ck_assert_str_eq(buf_text(&b), "Kortti: HENKIL\xC3\x96KORTTI %s");
	buf_reset(&b);
	dialog_put_program(&b, TEXT_EN, "/usr/bin/ssh");
	dialog_put_program(&b, TEXT_FI, "/x");
	ck_assert_str_eq(buf_text(&b), "Program: /usr/bin/sshOhjelma: /x");
	buf_free(&b);
}
END_TEST

UNIT_MAIN("dialog_text", every_text_is_one_line_in_every_language,
    a_label_leaves_room_for_the_name_of_the_card, lines_with_something_in_them)
