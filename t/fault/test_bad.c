/* What people and cards do wrong: each has its defined answer, and one line in the log that says
 * what is the matter. */
#include <sys/stat.h>

#include "t/fault/module.h"
#include "t/unit/cards.h"
#include "t/unit/unit.h"

static char log_path[] = "bad-log-XXXXXX";

/* Settings of every test: a log of its own at the level of warnings, besides `more`. */
static void
log_to_file(const char *more)
{
	char text[600], here[400];

	ck_assert_int_ge(close(mkstemp(log_path)), 0);
	ck_assert_ptr_nonnull(getcwd(here, sizeof here));
	snprintf(text, sizeof text, "logLevel = warn\nlogFile = %s/%s\n%s", here, log_path, more);
	module_settings(text);
}

/* Lines of the log with that text. */
static unsigned
logged(const char *text)
{
	FILE *f = fopen(log_path, "r");
	char line[1024];
	unsigned n = 0;

	ck_assert_ptr_nonnull(f);
	while (fgets(line, sizeof line, f))
		n += strstr(line, text) != NULL;
	fclose(f);
	return n;
}

static void
done(void)
{
	ck_assert_uint_eq(C_Finalize(NULL), CKR_OK);
	module_free();
	unlink(log_path);
}

/* Every attribute of everything that can be seen. */
static CK_ULONG
look_at_everything(CK_SESSION_HANDLE h)
{
	static const CK_ATTRIBUTE_TYPE types[] = { CKA_CLASS, CKA_LABEL, CKA_ID, CKA_VALUE, CKA_SUBJECT, CKA_ISSUER,
		CKA_SERIAL_NUMBER, CKA_MODULUS, CKA_MODULUS_BITS, CKA_PUBLIC_EXPONENT, CKA_EC_PARAMS, CKA_EC_POINT,
		CKA_START_DATE, CKA_PUBLIC_KEY_INFO, CKA_PRIVATE_EXPONENT, CKA_APPLICATION };
	CK_MECHANISM m = { CKM_SHA256_RSA_PKCS, NULL, 0 };
	CK_BYTE value[8192];
	CK_OBJECT_HANDLE o[64];
	CK_ULONG n = 0;
	CK_RV rv;

	ck_assert_uint_eq(C_FindObjectsInit(h, NULL, 0), CKR_OK);
	ck_assert_uint_eq(C_FindObjects(h, o, 64, &n), CKR_OK);
	ck_assert_uint_eq(C_FindObjectsFinal(h), CKR_OK);
	for (CK_ULONG i = 0; i < n; i++) {
		for (size_t k = 0; k < sizeof types / sizeof types[0]; k++) {
			CK_ATTRIBUTE t = { types[k], value, sizeof value };

			rv = C_GetAttributeValue(h, o[i], &t, 1);
			/* what hangs on a certificate that is not there goes with it */
			ck_assert(rv == CKR_OK || rv == CKR_ATTRIBUTE_TYPE_INVALID || rv == CKR_ATTRIBUTE_SENSITIVE ||
			    rv == CKR_OBJECT_HANDLE_INVALID);
		}
		rv = C_SignInit(h, &m, o[i]);
		ck_assert_uint_ne(rv, CKR_OK); /* no key of this card has public numbers */
		ck_assert(rv == CKR_KEY_HANDLE_INVALID || rv == CKR_KEY_FUNCTION_NOT_PERMITTED ||
		    rv == CKR_KEY_TYPE_INCONSISTENT);
	}
	return n;
}

START_TEST(a_card_whose_directories_lie_is_listed_as_far_as_it_goes)
{
	/* each once, however often the card was asked */
	static const char *const said[] = { "EF(TokenInfo): data is malformed", "the card's directory of PINs",
		"the card's directory of private keys", "the card's directory of public keys" };
	CK_SESSION_HANDLE h;
	CK_ULONG before;
	CK_RV rv;

	log_to_file("");
	module_card("myeid-garbage.yaml", NULL, NULL);
	h = module_open();
	before = look_at_everything(h);
	ck_assert_uint_gt(before, 1);
	rv = module_login(h, "1234");
	/* the directory names a PIN of 250 to 2 characters */
	ck_assert_msg(rv == CKR_PIN_INCORRECT || rv == CKR_FUNCTION_FAILED || rv == CKR_DEVICE_ERROR ||
	    rv == CKR_USER_PIN_NOT_INITIALIZED || rv == CKR_OK, "0x%lX", rv);
	look_at_everything(h);
	ck_assert_int_eq(vc_tries(module.vc[0], 1), 3);
	for (size_t i = 0; i < sizeof said / sizeof said[0]; i++)
		ck_assert_msg(logged(said[i]) == 1, "%s: %u times", said[i], logged(said[i]));
	done();
}
END_TEST

/* How many certificates are shown, and how many of them have a body. */
static CK_ULONG
certificates(CK_SESSION_HANDLE h, CK_ULONG *whole)
{
	CK_OBJECT_CLASS cls = CKO_CERTIFICATE;
	CK_ATTRIBUTE want = { CKA_CLASS, &cls, sizeof cls };
	CK_BYTE value[4096];
	CK_OBJECT_HANDLE o[16];
	CK_ULONG n = 0;

	*whole = 0;
	ck_assert_uint_eq(C_FindObjectsInit(h, &want, 1), CKR_OK);
	ck_assert_uint_eq(C_FindObjects(h, o, 16, &n), CKR_OK);
	ck_assert_uint_eq(C_FindObjectsFinal(h), CKR_OK);
	for (CK_ULONG i = 0; i < n; i++) {
		CK_ATTRIBUTE t = { CKA_VALUE, value, sizeof value };

		*whole += C_GetAttributeValue(h, o[i], &t, 1) == CKR_OK && t.ulValueLen > 0;
	}
	return n;
}

/* A certificate that the directory names and that is not there is found out when it is wanted, and not shown any
 * more; the others are not touched. */
START_TEST(a_certificate_that_is_not_there_is_not_shown)
{
	/* PIN1's slot has its two and those of the CAs, PIN2's the other two; each lacks one */
	static const CK_ULONG listed[] = { 4, 2 };
	CK_SESSION_HANDLE h;
	CK_ULONG whole;

	log_to_file("disableCryptokiAutoLogin = 1\n");
	module_card("fineid-v4-gaps.yaml", NULL, NULL);
	for (unsigned slot = 0; slot < 2; slot++) {
		h = module_open_slot(slot);
		ck_assert_uint_eq(certificates(h, &whole), listed[slot]);
		ck_assert_uint_eq(whole, listed[slot] - 1);
		ck_assert_uint_eq(certificates(h, &whole), listed[slot] - 1);
		ck_assert_uint_eq(whole, listed[slot] - 1);
		if (!slot)
			ck_assert_uint_eq(C_Finalize(NULL), CKR_OK);
	}
	done();
}
END_TEST

START_TEST(an_unknown_card_is_said_so_once_and_the_next_one_works)
{
	const bool generic = _i;
	CK_TOKEN_INFO info;
	CK_SESSION_HANDLE h;
	uint32_t apdus;

	log_to_file(generic ? "allowUnknownCards = 1\n" : "allowUnknownCards = 0\n");
	module_card("unknown.yaml", NULL, NULL);
	ck_assert_uint_eq(C_Initialize(NULL), CKR_OK);
	ck_assert_uint_eq(C_GetTokenInfo(0, &info), CKR_TOKEN_NOT_RECOGNIZED);
	ck_assert_uint_eq(logged("card cannot be used: card is not known"), 1);
	apdus = vc_counts(module.vc[0]).apdus;
	for (int i = 0; i < 5; i++) {
		ck_assert_uint_eq(C_GetTokenInfo(0, &info), CKR_TOKEN_NOT_RECOGNIZED);
		ck_assert_uint_eq(C_OpenSession(0, CKF_SERIAL_SESSION, NULL, NULL, &h), CKR_TOKEN_NOT_RECOGNIZED);
	}
	ck_assert_uint_eq(vc_counts(module.vc[0]).apdus, apdus);
	ck_assert_uint_eq(logged("cannot be used"), 1);
	/* taken out and put in again it is asked anew, and so is another one */
	vc_remove(module.vc[0]);
	ck_assert_uint_eq(C_GetTokenInfo(0, &info), CKR_TOKEN_NOT_PRESENT);
	vc_insert(module.vc[0]);
	ck_assert_uint_eq(C_GetTokenInfo(0, &info), CKR_TOKEN_NOT_RECOGNIZED);
	ck_assert_uint_eq(logged("cannot be used"), 2);
	done();

	module_settings("");
	module_card("myeid.yaml", NULL, NULL);
	h = module_open();
	ck_assert_uint_eq(module_login(h, "1234"), CKR_OK);
	ck_assert_uint_eq(C_Finalize(NULL), CKR_OK);
	module_free();
}
END_TEST

START_TEST(the_next_card_in_the_same_reader_works)
{
	const char *top = getenv("top_srcdir") ? getenv("top_srcdir") : ".";
	char path[512], err[200] = "";
	CK_TOKEN_INFO info;
	CK_SESSION_HANDLE h;

	module_settings("");
	module_card("unknown.yaml", NULL, NULL);
	ck_assert_uint_eq(C_Initialize(NULL), CKR_OK);
	ck_assert_uint_eq(C_GetTokenInfo(0, &info), CKR_TOKEN_NOT_RECOGNIZED);
	snprintf(path, sizeof path, "%s/t/cards/myeid.yaml", top);
	ck_assert_msg(vc_swap(module.vc[0], path, err, sizeof err), "%s", err);
	ck_assert_uint_eq(C_GetTokenInfo(0, &info), CKR_OK);
	ck_assert_uint_eq(C_OpenSession(0, CKF_SERIAL_SESSION, NULL, NULL, &h), CKR_OK);
	ck_assert_uint_eq(module_login(h, "1234"), CKR_OK);
	ck_assert_uint_eq(C_Finalize(NULL), CKR_OK);
	module_free();
}
END_TEST

/* A mistake in the settings costs its line and nothing else. */
START_TEST(a_mistake_in_the_settings_is_one_line_with_its_place)
{
	static const struct { const char *line, *said; } cases[] = {
		{ "logLevle = debug\n", ":3: " },              /* a word mistyped */
		{ "cryptokiTimeout = soon\n", ":3: " },        /* no number */
		{ "cryptokiTimeout 5\n", ":3: " },             /* no '=' */
		{ "allowUnknownCards = perhaps\n", ":3: " },
		{ "[nowhere\nallowUnknownCards = 1\n", ":3: " },
		{ "excludeReader = \xFF\xFE\n", ":3: " },      /* no UTF-8 */
	};
	CK_SESSION_HANDLE h;

	log_to_file(cases[_i].line);
	module_card("myeid.yaml", NULL, NULL);
	h = module_open();
	ck_assert_uint_eq(module_login(h, "1234"), CKR_OK);
	ck_assert_msg(logged(cases[_i].said) == 1, "case %d: %u lines", _i, logged(cases[_i].said));
	ck_assert_uint_ge(logged("settings-"), 1); /* the file by its name */
	done();
}
END_TEST

/* A file that others can write is as good as none: no reader is left out, and it cannot even make
 * a log of itself. What is said of it where a log is on: t/unit/test_settings.c. */
START_TEST(settings_that_others_can_write_are_not_read)
{
	struct stat st;
	CK_SESSION_HANDLE h;

	log_to_file("excludeReader = *\n");
	module_card("myeid.yaml", NULL, NULL);
	ck_assert_int_eq(chmod(getenv("CASTOR_CONF"), 0666), 0);
	h = module_open();
	ck_assert_int_eq(chmod(getenv("CASTOR_CONF"), 0600), 0);
	ck_assert_uint_eq(module_login(h, "1234"), CKR_OK);
	ck_assert_int_eq(stat(log_path, &st), 0);
	ck_assert_int_eq(st.st_size, 0);
	ck_assert_uint_eq(C_Finalize(NULL), CKR_OK);
	/* with its rights put right it counts */
	ck_assert_uint_eq(C_Initialize(NULL), CKR_OK);
	ck_assert_uint_eq(C_OpenSession(0, CKF_SERIAL_SESSION, NULL, NULL, &h), CKR_SLOT_ID_INVALID);
	done();
}
END_TEST

/* A profile of the user's own with a word mistyped: the line is named, and other cards are not
 * the worse for it. */
START_TEST(a_mistake_in_a_profile_is_one_line_with_its_place)
{
	char folder[] = "bad-config-XXXXXX", path[100], here[400], home[500];
	CK_SESSION_HANDLE h;
	FILE *f;

	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(path, sizeof path, "%s/castor", folder);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	snprintf(path, sizeof path, "%s/castor/profiles", folder);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	snprintf(path, sizeof path, "%s/castor/profiles/typo.yaml", folder);
	ck_assert_ptr_nonnull(f = fopen(path, "w"));
	fputs("schema: 1\nprofile: mine\ndirver: myeid\n", f);
	fclose(f);
	ck_assert_int_eq(chmod(path, 0600), 0);
	ck_assert_ptr_nonnull(getcwd(here, sizeof here));
	snprintf(home, sizeof home, "%s/%s", here, folder);
	setenv("XDG_CONFIG_HOME", home, 1);
	log_to_file("");
	module_card("myeid.yaml", NULL, NULL);
	h = module_open();
	ck_assert_uint_eq(module_login(h, "1234"), CKR_OK);
	ck_assert_uint_eq(logged("typo.yaml:3: "), 1);
	ck_assert_uint_eq(logged("typo.yaml"), 1);
	done();
	unlink(path);
	for (int up = 0; up < 3; up++) {
		*strrchr(path, '/') = 0;
		rmdir(path);
	}
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("bad");
	TCase *tc = tcase_create("input");

	module_settings("");
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, a_card_whose_directories_lie_is_listed_as_far_as_it_goes);
	tcase_add_test(tc, a_certificate_that_is_not_there_is_not_shown);
	tcase_add_loop_test(tc, an_unknown_card_is_said_so_once_and_the_next_one_works, 0, 2);
	tcase_add_test(tc, the_next_card_in_the_same_reader_works);
	tcase_add_loop_test(tc, a_mistake_in_the_settings_is_one_line_with_its_place, 0, 6);
	tcase_add_test(tc, settings_that_others_can_write_are_not_read);
	tcase_add_test(tc, a_mistake_in_a_profile_is_one_line_with_its_place);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
