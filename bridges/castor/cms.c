#include "bridges/castor/cms.h"

static const struct row { const char *word, *text; enum status status; } rows[] = {
	[KIT_CMS_GOOD] = { "good", N_("Good signature"), ST_OK },
	[KIT_CMS_EXPIRED] = { "expired", N_("Good signature, but a certificate has expired since"), ST_UNTRUSTED },
	[KIT_CMS_NOT_THEN] = { "not-valid-then", N_("Good signature, but its certificate was not valid then"), ST_UNTRUSTED },
	[KIT_CMS_UNTRUSTED] = { "untrusted", N_("Good signature, but nobody here trusts the issuer of its certificate"), ST_UNTRUSTED },
	[KIT_CMS_USAGE] = { "usage", N_("Good signature, but its certificate is not meant for signatures"), ST_UNTRUSTED },
	[KIT_CMS_NO_CERT] = { "no-certificate", N_("the signer's certificate is missing, so that nothing can be said"), ST_BAD },
	[KIT_CMS_CHANGED] = { "changed", N_("the file is not the one that was signed: it was changed"), ST_BAD },
	[KIT_CMS_BAD] = { "bad", N_("the signature is not good"), ST_BAD },
	[KIT_CMS_UNSUPPORTED] = { "unsupported", N_("it uses an algorithm that is not supported, or not safe any more"), ST_BAD },
	[KIT_CMS_NO_SIGNER] = { "no-signer", N_("nobody has signed it"), ST_BAD },
	[KIT_CMS_NO_CONTENT] = { "no-content", N_("the signed file is not in it; name it with --content"), ST_USAGE },
	[KIT_CMS_OTHER_TYPE] = { "other-type", N_("it is a CMS file of another kind"), ST_BAD },
	[KIT_CMS_NOT_CMS] = { "not-cms", N_("it is no CMS file"), ST_BAD },
	[KIT_CMS_DAMAGED] = { "damaged", N_("it is damaged"), ST_BAD },
	[KIT_CMS_NOT_FOR_US] = { "not-for-us", N_("it is encrypted for others, not for this certificate"), ST_NOT_FOUND },
	[KIT_CMS_CARD] = { "card", N_("the card or the reader reported an error"), ST_FAILED },
	[KIT_CMS_READ] = { "read", N_("the file cannot be read"), ST_USAGE },
	[KIT_CMS_WRITE] = { "write", N_("the file cannot be written"), ST_USAGE },
	[KIT_CMS_FAILED] = { "failed", N_("the cryptographic library failed"), ST_FAILED },
};

int
cms_status(struct app *a, enum kit_cms state, CK_RV rv)
{
	if (state == KIT_CMS_GOOD)
		return ST_OK;
	if (state == KIT_CMS_CARD && rv)
		return app_fail_rv(a, rv, NULL);
	return app_fail(a, rows[state].status, "%s", text(a->lang, rows[state].text));
}

int
cms_status_quiet(enum kit_cms state)
{
	return (int)rows[state].status;
}

const char *
cms_text(enum kit_cms state)
{
	return rows[state].text;
}

const char *
cms_word(enum kit_cms state)
{
	return rows[state].word;
}
