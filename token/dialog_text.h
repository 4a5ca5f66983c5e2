/* The texts of the PIN dialog and of slot labels: English here, for text(); po/ has the others. A
 * text of the dialog is one line. */
#ifndef CASTOR_TOKEN_DIALOG_TEXT_H
#define CASTOR_TOKEN_DIALOG_TEXT_H

#include "base/buf.h"
#include "base/text.h"

enum dialog_text {
	DIALOG_TITLE,
	/* what is asked for, and why: the first line */
	DIALOG_LOGIN, DIALOG_SIGN1, DIALOG_USE2, DIALOG_SIGN, DIALOG_CURRENT1, DIALOG_CURRENT2, DIALOG_NEW1, DIALOG_NEW2,
	DIALOG_AGAIN, DIALOG_PUK, DIALOG_KEYPAD, DIALOG_ACTIVATE, DIALOG_ACTIVATE1, DIALOG_ACTIVATE2, DIALOG_BLOCKED1,
	DIALOG_BLOCKED2, DIALOG_CAN,
	/* in front of the field */
	DIALOG_PROMPT_PIN1, DIALOG_PROMPT_PIN2, DIALOG_PROMPT_NEW, DIALOG_PROMPT_AGAIN,
	DIALOG_PROMPT_PUK, DIALOG_PROMPT_CODE, DIALOG_PROMPT_CAN,
	/* on the buttons */
	DIALOG_OK, DIALOG_CANCEL,
	/* warnings and errors */
	DIALOG_LAST_TRY, DIALOG_LAST_PUK, DIALOG_WRONG, DIALOG_DIFFERENT, DIALOG_LENGTH, DIALOG_USED,
	DIALOG_LAST_CODE, DIALOG_CODE_LAST_LEFT, DIALOG_CODE_GONE, DIALOG_PARTLY, DIALOG_CODE_WRONG, DIALOG_CODE_FORM, DIALOG_CODE_PARTLY, DIALOG_NOT_CODE,
	DIALOG_CAN_WRONG, DIALOG_CAN_FORM, DIALOG_CAN_SETTING,
	/* behind the name of a slot, at most 20 bytes in every language */
	DIALOG_LABEL1, DIALOG_LABEL2,
	DIALOG_TEXTS
};

static const char *const dialog_texts[DIALOG_TEXTS] = {
	[DIALOG_TITLE] = N_("Castor PIN"),
	[DIALOG_LOGIN] = N_("Enter PIN1 to log in with your card."),
	[DIALOG_SIGN] = N_("Enter PIN2 to sign with your card. The signature is legally binding."),
	[DIALOG_SIGN1] = N_("Enter PIN1 to sign with your card. The signature is legally binding."),
	[DIALOG_USE2] = N_("Enter PIN2 to use your card."),
	[DIALOG_CURRENT1] = N_("Enter the current PIN1 of your card."),
	[DIALOG_CURRENT2] = N_("Enter the current PIN2 of your card."),
	[DIALOG_NEW1] = N_("Enter a new PIN1."),
	[DIALOG_NEW2] = N_("Enter a new PIN2."),
	[DIALOG_AGAIN] = N_("Enter the new PIN once more."),
	[DIALOG_PUK] = N_("Enter the PUK of your card."),
	[DIALOG_ACTIVATE] = N_("Activate your card: enter the activation code from the letter that came with it."),
	[DIALOG_ACTIVATE1] = N_("Activate PIN1 of your card: enter the activation code from the letter that came with it."),
	[DIALOG_ACTIVATE2] = N_("Activate PIN2 of your card: enter the activation code from the letter that came with it."),
	[DIALOG_BLOCKED1] = N_("PIN1 of your card is blocked: enter the activation code (PUK) to choose a new one."),
	[DIALOG_BLOCKED2] = N_("PIN2 of your card is blocked: enter the activation code (PUK) to choose a new one."),
	[DIALOG_CAN] = N_("Enter the access number (CAN) of your card: six digits, printed on it. It is not a PIN."),
	[DIALOG_KEYPAD] = N_("Type the PIN on the keypad of the reader."),
	[DIALOG_PROMPT_PIN1] = N_("PIN1:"),
	[DIALOG_PROMPT_PIN2] = N_("PIN2:"),
	[DIALOG_PROMPT_NEW] = N_("New PIN:"),
	[DIALOG_PROMPT_AGAIN] = N_("Again:"),
	[DIALOG_PROMPT_PUK] = N_("PUK:"),
	[DIALOG_PROMPT_CODE] = N_("Activation code:"),
	[DIALOG_PROMPT_CAN] = N_("Card access number (CAN):"),
	[DIALOG_OK] = N_("OK"),
	[DIALOG_CANCEL] = N_("Cancel"),
	[DIALOG_LAST_TRY] = N_("This is the last try: a wrong PIN blocks the card's PIN."),
	[DIALOG_LAST_PUK] = N_("This is the last try: a wrong PUK blocks the card for good."),
	[DIALOG_WRONG] = N_("Wrong PIN."),
	[DIALOG_DIFFERENT] = N_("The two PINs are not the same."),
	[DIALOG_LENGTH] = N_("This PIN is too short or too long for the card."),
	[DIALOG_USED] = N_("You have used this PIN before."),
	[DIALOG_LAST_CODE] = N_("This is the last try: a wrong code blocks the card's PIN."),
	[DIALOG_CODE_LAST_LEFT] = N_("Wrong activation code. One try is left: look at the letter before you try again."),
	[DIALOG_CODE_GONE] = N_("Wrong activation code. It was the last try: the card takes no code any more."),
	[DIALOG_PARTLY] = N_("PIN1 is activated, PIN2 is not yet. You are asked again when you use PIN2."),
	[DIALOG_CODE_WRONG] = N_("Wrong activation code."),
	[DIALOG_CODE_FORM] = N_("This is not what an activation code of this card looks like."),
	[DIALOG_CODE_PARTLY] = N_("PIN1 is activated, but the card did not take the code for PIN2."),
	[DIALOG_NOT_CODE] = N_("The new PIN must not be the activation code."),
	[DIALOG_CAN_WRONG] = N_("This is not the number of this card. Nothing is blocked, but the card answers more slowly after each wrong one."),
	[DIALOG_CAN_FORM] = N_("The access number has six digits."),
	[DIALOG_CAN_SETTING] = N_("The access number in the settings is not the one of this card."),
	[DIALOG_LABEL1] = N_("PIN1 login"),
	[DIALOG_LABEL2] = N_("PIN2 signature"),
};

/* One of them in that language. Static. */
static inline const char *
dialog_text(enum text_lang lang, enum dialog_text what)
{
	return text(lang, dialog_texts[what]);
}

/* Append a line about the tries left, the card, the reader, the end of a certificate (year, month, day), the program. */
static inline void
dialog_put_tries(struct buf *out, enum text_lang lang, unsigned long n)
{
	buf_fmt(out, text_n(lang, "%lu try left.", "%lu tries left.", n), n);
}

static inline void
dialog_put_card(struct buf *out, enum text_lang lang, const char *label)
{
	buf_fmt(out, text(lang, "Card: %s"), label);
}

static inline void
dialog_put_end(struct buf *out, enum text_lang lang, bool is_over, const unsigned date[3])
{
	buf_fmt(out, is_over ?
	    text(lang, "The certificate ended on %04u-%02u-%02u: it is not valid any more.") :
	    text(lang, "The certificate ends on %04u-%02u-%02u. Get a new card before that."),
	    date[0], date[1], date[2]);
}

static inline void
dialog_put_reader(struct buf *out, enum text_lang lang, const char *name)
{
	buf_fmt(out, text(lang, "Reader: %s"), name);
}

static inline void
dialog_put_program(struct buf *out, enum text_lang lang, const char *path)
{
	buf_fmt(out, text(lang, "Program: %s"), path);
}

#endif
