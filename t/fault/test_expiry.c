/* PINs that expire, through the whole module: what is on the card, what is refused, what comes back;
 * and an accident at each command of a login and of a change of the PIN, after which the card is no
 * worse: its PIN is the old or the new one, the object makes sense, no try is burnt. */
#include <time.h>

#include "base/os.h"
#include "t/fault/module.h"
#include "t/unit/cards.h"
#include "t/unit/nomem.h"
#include "t/unit/unit.h"
#include "token/expiry.h"
#include "token/feature.h"
#include "token/shared.h"
#include "token/soft.h"

#define FAR 400 /* more commands than a login and a change have */
#define MANY 4000 /* more requests for memory */
#define VERIFY1 "0020000108"
#define VERIFY2 "0020000208"

static const char citizen[] = "myeid-citizen.yaml";

static size_t
apdu(const char *hex, uint8_t *out, size_t cap)
{
	struct buf in = BUF_INIT;
	size_t n;

	ck_assert_int_eq(hex_parse(hex, strlen(hex), &in), 0);
	n = vc_apdu(module.vc[0], in.p, in.len, out, cap);
	buf_free(&in);
	return n;
}

/* The status word of a command as another program sends it. */
static unsigned
sw(const char *hex)
{
	uint8_t out[300];
	size_t n = apdu(hex, out, sizeof out);

	return n < 2 ? 0 : (unsigned)(out[n - 2] << 8 | out[n - 1]);
}

static void
verify(unsigned pin, const char *value)
{
	char hex[64];
	size_t n = (size_t)snprintf(hex, sizeof hex, "%s", pin == 1 ? VERIFY1 : VERIFY2);

	ck_assert_uint_eq(sw("00A404000CA000000063504B43532D3135"), 0x9000);
	for (size_t i = 0; i < 8; i++)
		n += (size_t)snprintf(hex + n, sizeof hex - n, "%02X",
		    i < strlen(value) ? (unsigned char)value[i] : 0xFFu);
	ck_assert_uint_eq(sw(hex), 0x9000);
}

/* Selects a file of the application; its size. The card gives no byte behind the end. */
static size_t
select_file(unsigned fid)
{
	uint8_t fci[64];
	char hex[32];

	snprintf(hex, sizeof hex, "00A40800045015%04X00", fid);
	ck_assert_uint_gt(apdu(hex, fci, sizeof fci), 8);
	ck_assert(fci[0] == 0x6F && fci[2] == 0x80);
	return (size_t)fci[4] << 8 | fci[5];
}

/* The whole file that is selected. */
static void
read_all(size_t size, uint8_t *out)
{
	uint8_t part[300];
	size_t take;
	char hex[32];

	for (size_t at = 0; at < size; at += take) {
		take = size - at < 128 ? size - at : 128;
		snprintf(hex, sizeof hex, "00B0%04X%02X", (unsigned)at, (unsigned)take);
		size_t got = apdu(hex, part, sizeof part);
		ck_assert_msg(got == take + 2, "%s of %zu: %02X%02X", hex, size, part[got - 2], part[got - 1]);
		memcpy(out + at, part, take);
	}
}

/* The PIN's file; 0: there is none. Found as another program would: by the directory's bytes. */
static unsigned
file_of(unsigned pin)
{
	uint8_t dodf[2048], want[] = { 0x04, 0x01, (uint8_t)pin };
	size_t end, len = select_file(0x4406);

	read_all(len, dodf);
	for (size_t at = 0; at + 2 < len; at = end) {
		/* a cut leaves filler and parts of a record, which are none */
		end = dodf[at] ? at + 2 + dodf[at + 1] : at + 1;
		if (end > len)
			break;
		if (memmem(dodf + at, end - at, EXPIRY_APPLICATION, strlen(EXPIRY_APPLICATION)) &&
		    memmem(dodf + at, end - at, want, sizeof want))
			return (unsigned)(dodf[end - 2] << 8 | dodf[end - 1]);
	}
	return 0;
}

/* The object of a PIN as it is on the card; its size. The card is reset afterwards. */
static size_t
read_object(unsigned pin, const char *value, struct expiry *e, uint8_t *ef, size_t cap)
{
	unsigned fid = file_of(pin);
	size_t len;

	ck_assert_msg(fid, "PIN%u has no object", pin);
	verify(pin, value);
	len = select_file(fid);
	ck_assert_uint_le(len, cap);
	read_all(len, ef);
	vc_reset(module.vc[0]);
	ck_assert_int_eq(expiry_decode(view_of(ef, len), e), 0);
	return len;
}

static struct expiry
object_of(unsigned pin, const char *value)
{
	struct expiry e;
	uint8_t ef[4096];

	read_object(pin, value, &e, ef, sizeof ef);
	return e;
}

/* Makes the object say so, as a neighbour with the PIN can. */
static void
set_day(unsigned pin, const char *value, uint32_t day, unsigned flags)
{
	char hex[64];
	unsigned fid = file_of(pin);

	verify(pin, value);
	select_file(fid);
	snprintf(hex, sizeof hex, "00D6000405%08X%02X", day, flags);
	ck_assert_uint_eq(sw(hex), 0x9000);
	vc_reset(module.vc[0]);
}

static CK_FLAGS
flags_of(unsigned slot)
{
	CK_TOKEN_INFO info;
	CK_SLOT_ID id[8];
	CK_ULONG n = 8;

	ck_assert_uint_eq(C_GetSlotList(CK_TRUE, id, &n), CKR_OK);
	ck_assert_uint_gt(n, slot);
	ck_assert_uint_eq(C_GetTokenInfo(id[slot], &info), CKR_OK);
	return info.flags & CKF_USER_PIN_TO_BE_CHANGED;
}

static void
finalize(void)
{
	ck_assert_uint_eq(C_Finalize(NULL), CKR_OK);
}

/* The CK_DATE of the slot's feature object; "" when it is empty. */
static const char *
date_of(CK_SESSION_HANDLE h, CK_ATTRIBUTE_TYPE type)
{
	static char text[16];
	CK_ATTRIBUTE t = { type, text, 8 };

	memset(text, 0, sizeof text);
	ck_assert_uint_eq(C_GetAttributeValue(h, module_find(h, CKO_HW_FEATURE, 0), &t, 1), CKR_OK);
	text[t.ulValueLen] = 0;
	return text;
}

static const char *
date(long day)
{
	static char text[16];
	time_t at = day * 86400;
	struct tm tm;

	gmtime_r(&at, &tm);
	strftime(text, sizeof text, "%Y%m%d", &tm);
	return text;
}

START_TEST(without_a_period_nothing_is_stored)
{
	CK_SESSION_HANDLE h;

	module_settings("changePinPeriod = 0\nchangePinCacheCount = 5\n");
	module_card(citizen, NULL, NULL);
	h = module_open_slot(0);
	ck_assert_uint_eq(module_login(h, "1234"), CKR_OK);
	ck_assert_uint_eq(module_set_pin(h, "1234", "1234"), CKR_OK);
	ck_assert_uint_eq(flags_of(0), 0);
	ck_assert_str_eq(date_of(h, CKA_CASTOR_PIN_EXPIRES), "");
	finalize();
	ck_assert_uint_eq(file_of(1), 0);
	module_free();
}
END_TEST

/* One object per PIN, made with PIN1, which alone may make files; PIN2 writes its own. */
START_TEST(the_objects_appear)
{
	CK_SESSION_HANDLE h;
	CK_OBJECT_CLASS data = CKO_DATA;
	CK_ATTRIBUTE all = { CKA_CLASS, &data, sizeof data };
	CK_OBJECT_HANDLE o[4];
	CK_ULONG n = 0;
	struct expiry e;
	uint8_t ef[512];
	unsigned fid;

	module_settings("changePinPeriod = 90\n");
	module_card(citizen, NULL, NULL);
	h = module_open_slot(0);
	ck_assert_str_eq(date_of(h, CKA_CASTOR_PIN_EXPIRES), "");
	ck_assert_uint_eq(module_login(h, "1234"), CKR_OK);
	ck_assert_uint_eq(flags_of(0), 0);
	ck_assert_uint_eq(module_sign(h, 0x45), CKR_OK);
	/* its age is not known: only when it is due */
	ck_assert_str_eq(date_of(h, CKA_CASTOR_PIN_CHANGED), "");
	ck_assert_str_eq(date_of(h, CKA_CASTOR_PIN_EXPIRES), date(os_today() + 90));
	ck_assert_uint_eq(C_FindObjectsInit(h, &all, 1), CKR_OK);
	ck_assert_uint_eq(C_FindObjects(h, o, 4, &n), CKR_OK);
	C_FindObjectsFinal(h);
	ck_assert_uint_eq(n, 1);
	ck_assert_uint_eq(C_DestroyObject(h, o[0]), CKR_ACTION_PROHIBITED);
	finalize();
	ck_assert_uint_eq(read_object(1, "1234", &e, ef, sizeof ef), expiry_size(5));
	ck_assert(e.day == (uint32_t)os_today() && e.first && e.room == 5 && !e.used && !e.next);
	/* the other PIN's waits for it */
	fid = file_of(2);
	ck_assert_uint_ne(fid, 0);
	h = module_open_slot(1);
	ck_assert_uint_eq(module_login(h, "123456"), CKR_OK);
	ck_assert_uint_eq(module_sign(h, 0x46), CKR_OK);
	finalize();
	e = object_of(2, "123456");
	ck_assert(e.day == (uint32_t)os_today() && e.first && e.room == 5);
	/* nobody reads it without that PIN, nor with the other one */
	for (unsigned pin = 1; pin <= 2; pin++) {
		vc_reset(module.vc[0]);
		select_file(file_of(pin));
		ck_assert_uint_eq(sw("00B000001C"), 0x6982);
		ck_assert_uint_eq(sw("00D600000100"), 0x6982);
		verify(3 - pin, pin == 1 ? "123456" : "1234");
		select_file(file_of(pin));
		ck_assert_uint_eq(sw("00B000001C"), 0x6982);
		ck_assert_uint_eq(sw("00D600000100"), 0x6982);
	}
	module_free();
}
END_TEST

/* The object is made once, and looking at it later costs two commands. */
START_TEST(it_is_made_once)
{
	CK_SESSION_HANDLE h;
	unsigned fid;
	uint8_t ef[512];
	struct expiry e, again;

	module_settings("changePinPeriod = 90\n");
	module_card(citizen, NULL, NULL);
	for (int i = 0; i < 3; i++) {
		h = module_open_slot(0);
		ck_assert_uint_eq(module_login(h, "1234"), CKR_OK);
		ck_assert_uint_eq(C_Logout(h), CKR_OK);
		ck_assert_uint_eq(module_login(h, "1234"), CKR_OK);
		finalize();
		if (!i) {
			fid = file_of(1);
			read_object(1, "1234", &e, ef, sizeof ef);
		}
		ck_assert_uint_eq(file_of(1), fid);
		read_object(1, "1234", &again, ef, sizeof ef);
		ck_assert_int_eq(memcmp(e.salt, again.salt, sizeof e.salt), 0);
	}
	module_free();
}
END_TEST

START_TEST(an_old_pin_is_for_its_change_alone)
{
	CK_SESSION_HANDLE h;
	struct expiry e;
	long now = os_today();

	module_settings("changePinPeriod = 30\n");
	module_card(citizen, NULL, NULL);
	h = module_open_slot(0);
	ck_assert_uint_eq(module_login(h, "1234"), CKR_OK);
	finalize();
	/* the last good day, and a clock that went back */
	for (int i = 0; i < 2; i++) {
		set_day(1, "1234", (uint32_t)(i ? now + 1000 : now - 29), 0);
		h = module_open_slot(0);
		ck_assert_uint_eq(module_login(h, "1234"), CKR_OK);
		ck_assert_uint_eq(flags_of(0), 0);
		ck_assert_uint_eq(module_sign(h, 0x45), CKR_OK);
		finalize();
	}
	set_day(1, "1234", (uint32_t)now - 30, 0);
	h = module_open_slot(0);
	ck_assert_uint_eq(flags_of(0), 0); /* nobody knows yet */
	ck_assert_uint_eq(module_login(h, "1234"), CKR_OK);
	ck_assert_uint_eq(flags_of(0), CKF_USER_PIN_TO_BE_CHANGED);
	ck_assert_str_eq(date_of(h, CKA_CASTOR_PIN_CHANGED), date(now - 30));
	ck_assert_str_eq(date_of(h, CKA_CASTOR_PIN_EXPIRES), date(now));
	ck_assert_uint_eq(module_sign_init(h, 0x45), CKR_PIN_EXPIRED);
	ck_assert_uint_eq(module_set_pin(h, "1234", "1234"), CKR_PIN_INVALID);
	ck_assert_uint_eq(module_set_pin(h, "9999", "4321"), CKR_PIN_INCORRECT);
	ck_assert_int_eq(vc_tries(module.vc[0], 1), 2);
	ck_assert_uint_eq(module_sign_init(h, 0x45), CKR_PIN_EXPIRED);
	ck_assert_uint_eq(module_set_pin(h, "1234", "4321"), CKR_OK);
	ck_assert_uint_eq(flags_of(0), 0);
	ck_assert_uint_eq(module_sign(h, 0x45), CKR_OK); /* still logged in */
	ck_assert_str_eq(date_of(h, CKA_CASTOR_PIN_CHANGED), date(now));
	ck_assert_uint_eq(module_set_pin(h, "4321", "1234"), CKR_PIN_INVALID);
	ck_assert_int_eq(vc_tries(module.vc[0], 1), 3);
	ck_assert_uint_eq(module_sign(h, 0x45), CKR_OK);
	finalize();
	e = object_of(1, "4321");
	ck_assert(e.day == (uint32_t)now && !e.first && e.used == 1 && e.next == 1);
	module_free();
}
END_TEST

START_TEST(a_pin_of_unknown_age_has_a_period_of_its_own)
{
	CK_SESSION_HANDLE h;
	long now = os_today();

	module_settings("changePinPeriod = 90\nchangePinInitialPeriod = 7\n");
	module_card(citizen, NULL, NULL);
	h = module_open_slot(0);
	ck_assert_uint_eq(module_login(h, "1234"), CKR_OK);
	ck_assert_str_eq(date_of(h, CKA_CASTOR_PIN_EXPIRES), date(now + 7));
	finalize();
	set_day(1, "1234", (uint32_t)now - 7, 1);
	h = module_open_slot(0);
	ck_assert_uint_eq(module_login(h, "1234"), CKR_OK);
	ck_assert_uint_eq(module_sign_init(h, 0x45), CKR_PIN_EXPIRED);
	ck_assert_uint_eq(module_set_pin(h, "1234", "4321"), CKR_OK);
	ck_assert_str_eq(date_of(h, CKA_CASTOR_PIN_EXPIRES), date(now + 90));
	finalize();
	module_free();
}
END_TEST

/* PIN2 is entered for each use: the login says nothing, the key does. */
START_TEST(pin2_expires_by_itself)
{
	CK_SESSION_HANDLE h;

	module_settings("changePinPeriod = 30\n");
	module_card(citizen, NULL, NULL);
	h = module_open_slot(0);
	ck_assert_uint_eq(module_login(h, "1234"), CKR_OK);
	finalize();
	h = module_open_slot(1);
	ck_assert_uint_eq(module_login(h, "123456"), CKR_OK);
	finalize();
	set_day(2, "123456", 1000, 0);
	h = module_open_slot(1);
	ck_assert_uint_eq(module_login(h, "123456"), CKR_OK);
	ck_assert_uint_eq(flags_of(1), CKF_USER_PIN_TO_BE_CHANGED);
	ck_assert_uint_eq(flags_of(0), 0);
	ck_assert_uint_eq(module_sign_init(h, 0x46), CKR_PIN_EXPIRED);
	ck_assert_int_eq(vc_pin_is_open(module.vc[0], 2), 0);
	ck_assert_uint_eq(module_set_pin(h, "123456", "123456"), CKR_PIN_INVALID);
	ck_assert_int_eq(vc_pin_is_open(module.vc[0], 2), 0);
	ck_assert_uint_eq(module_set_pin(h, "123456", "654321"), CKR_OK);
	ck_assert_int_eq(vc_pin_is_open(module.vc[0], 2), 0);
	ck_assert_uint_eq(flags_of(1), 0);
	ck_assert_uint_eq(C_Logout(h), CKR_OK);
	ck_assert_uint_eq(module_login(h, "654321"), CKR_OK);
	ck_assert_uint_eq(module_sign(h, 0x46), CKR_OK);
	ck_assert_uint_eq(module_set_pin(h, "654321", "123456"), CKR_PIN_INVALID);
	finalize();
	ck_assert_uint_eq(object_of(2, "654321").used, 1);
	module_free();
}
END_TEST

START_TEST(the_ring_goes_round)
{
	static const char *const pins[] = { "1234", "2001", "2002", "2003", "2004" };
	CK_SESSION_HANDLE h;
	struct expiry e;

	module_settings("changePinPeriod = 30\nchangePinCacheCount = 2\n");
	module_card(citizen, NULL, NULL);
	h = module_open_slot(0);
	for (size_t i = 1; i < 5; i++) {
		ck_assert_uint_eq(module_set_pin(h, pins[i - 1], pins[i]), CKR_OK);
		ck_assert_int_eq(vc_pin_is_open(module.vc[0], 1), 0); /* nobody is logged in */
		ck_assert_uint_eq(module_set_pin(h, pins[i], pins[i - 1]), CKR_PIN_INVALID);
		if (i > 1)
			ck_assert_uint_eq(module_set_pin(h, pins[i], pins[i - 2]), CKR_PIN_INVALID);
		ck_assert_int_eq(vc_pin_is_open(module.vc[0], 1), 0);
	}
	ck_assert_int_eq(vc_tries(module.vc[0], 1), 3);
	finalize();
	e = object_of(1, "2004");
	ck_assert(e.room == 2 && e.used == 2 && e.next == 0);
	/* a smaller number remembers fewer, in whatever room there is */
	module_settings("changePinPeriod = 30\nchangePinCacheCount = 1\n");
	h = module_open_slot(0);
	ck_assert_uint_eq(module_set_pin(h, "2004", "2003"), CKR_PIN_INVALID);
	ck_assert_uint_eq(module_set_pin(h, "2004", "2002"), CKR_OK);
	finalize();
	module_settings("changePinPeriod = 30\nchangePinCacheCount = 0\n");
	h = module_open_slot(0);
	ck_assert_uint_eq(module_set_pin(h, "2002", "2002"), CKR_PIN_INVALID);
	ck_assert_uint_eq(module_set_pin(h, "2002", "2004"), CKR_OK);
	finalize();
	/* the oldest of all is long forgotten */
	module_settings("changePinPeriod = 30\nchangePinCacheCount = 100\n");
	h = module_open_slot(0);
	ck_assert_uint_eq(module_set_pin(h, "2004", "1234"), CKR_OK);
	finalize();
	module_free();
}
END_TEST

START_TEST(none_are_remembered)
{
	CK_SESSION_HANDLE h;
	struct expiry e;
	uint8_t ef[512];

	module_settings("changePinPeriod = 30\nchangePinCacheCount = 0\n");
	module_card(citizen, NULL, NULL);
	h = module_open_slot(0);
	ck_assert_uint_eq(module_set_pin(h, "1234", "4321"), CKR_OK);
	ck_assert_uint_eq(module_set_pin(h, "4321", "1234"), CKR_OK);
	ck_assert_uint_eq(module_set_pin(h, "1234", "1234"), CKR_PIN_INVALID);
	finalize();
	ck_assert_uint_eq(read_object(1, "1234", &e, ef, sizeof ef), EXPIRY_HEAD);
	ck_assert(!e.first && !e.room);
	module_free();
}
END_TEST

/* An entry is what the manual says: PBKDF2 of the PIN as it was given. */
START_TEST(an_entry_is_the_documented_hash)
{
	struct soft *soft = soft_new();
	struct buf want = BUF_INIT;
	CK_SESSION_HANDLE h;
	struct expiry e;
	uint8_t ef[512];

	module_settings("changePinPeriod = 30\n");
	module_card(citizen, NULL, NULL);
	h = module_open_slot(0);
	ck_assert_uint_eq(module_set_pin(h, "1234", "4321"), CKR_OK);
	finalize();
	read_object(1, "4321", &e, ef, sizeof ef);
	ck_assert_int_eq(soft_stretch(soft, view_str("1234"), view_of(ef + 12, 16), 20000, 32, &want), 0);
	ck_assert(view_eq(buf_peek(&want), view_of(ef + 28, 32)));
	buf_free(&want);
	soft_free(&soft);
	module_free();
}
END_TEST

START_TEST(an_unblocked_pin_is_a_new_one)
{
	CK_SESSION_HANDLE h;
	struct expiry e;

	module_settings("changePinPeriod = 30\n");
	module_card(citizen, NULL, NULL);
	h = module_open_slot(0);
	ck_assert_uint_eq(module_set_pin(h, "1234", "4321"), CKR_OK);
	finalize();
	set_day(1, "4321", 5, 0);
	vc_set_tries(module.vc[0], 1, 0);
	h = module_open_slot(0);
	ck_assert_uint_eq(module_login(h, "4321"), CKR_PIN_LOCKED);
	ck_assert_uint_eq(C_Login(h, CKU_SO, (CK_UTF8CHAR_PTR)(uintptr_t)"12345678", 8), CKR_OK);
	ck_assert_uint_eq(C_InitPIN(h, (CK_UTF8CHAR_PTR)(uintptr_t)"5555", 4), CKR_OK);
	ck_assert_int_eq(vc_pin_is_open(module.vc[0], 1), 0);
	ck_assert_uint_eq(C_Logout(h), CKR_OK);
	ck_assert_uint_eq(module_login(h, "5555"), CKR_OK);
	ck_assert_uint_eq(flags_of(0), 0);
	ck_assert_uint_eq(module_sign(h, 0x45), CKR_OK);
	finalize();
	e = object_of(1, "5555");
	ck_assert(e.day == (uint32_t)os_today() && !e.first && e.used == 1);
	module_free();
}
END_TEST

/* Nobody is kept out by an object that makes no sense; the next change makes it anew. */
START_TEST(a_damaged_object_locks_nobody_out)
{
	CK_SESSION_HANDLE h;
	struct expiry e;
	unsigned fid;

	module_settings("changePinPeriod = 30\n");
	module_card(citizen, NULL, NULL);
	h = module_open_slot(0);
	ck_assert_uint_eq(module_login(h, "1234"), CKR_OK);
	finalize();
	fid = file_of(1);
	verify(1, "1234");
	select_file(fid);
	ck_assert_uint_eq(sw("00D6000004DEADBEEF"), 0x9000);
	vc_reset(module.vc[0]);
	h = module_open_slot(0);
	ck_assert_uint_eq(module_login(h, "1234"), CKR_OK);
	ck_assert_uint_eq(flags_of(0), 0);
	ck_assert_uint_eq(module_sign(h, 0x45), CKR_OK);
	ck_assert_uint_eq(module_set_pin(h, "1234", "4321"), CKR_OK);
	ck_assert_uint_eq(module_set_pin(h, "4321", "1234"), CKR_PIN_INVALID);
	finalize();
	ck_assert_uint_eq(file_of(1), fid);
	e = object_of(1, "4321");
	ck_assert(e.day == (uint32_t)os_today() && !e.first && e.room == 5 && e.used == 1);
	module_free();
}
END_TEST

/* A card that takes no object is a card all the same. */
START_TEST(a_card_that_cannot_remember_serves)
{
	static const struct { const char *image, *from, *to; } cards[] = {
		{ "p15-noforget.yaml", NULL, NULL },
		/* no file can be made; the directory is not ours to write; there is none; it is full */
		{ "myeid-citizen.yaml", "application: 111FFF", "application: FF1FFF" },
		{ "myeid-citizen.yaml", "50154406, size: 1530, acl: 013FFF", "50154406, size: 1530, acl: 0F3FFF" },
		{ "myeid-citizen.yaml", "- odf: { kind: data, path: 3F0050154406 }", "" },
		{ "myeid-citizen.yaml", "50154406, size: 1530", "50154406, size: 40" },
	};
	CK_SESSION_HANDLE h;

	module_settings("changePinPeriod = 30\n");
	module_card(cards[_i].image, cards[_i].from, cards[_i].to);
	h = module_open_slot(0);
	ck_assert_uint_eq(module_login(h, "1234"), CKR_OK);
	ck_assert_uint_eq(flags_of(0), 0);
	if (_i) {
		ck_assert_uint_eq(module_sign(h, 0x45), CKR_OK);
		ck_assert_uint_eq(module_set_pin(h, "1234", "1234"), CKR_PIN_INVALID);
		ck_assert_uint_eq(module_set_pin(h, "1234", "4321"), CKR_OK);
		ck_assert_uint_eq(module_sign(h, 0x45), CKR_OK);
	}
	ck_assert_int_eq(vc_tries(module.vc[0], 1), 3);
	finalize();
	module_free();
}
END_TEST

static bool
opens(const char *pin)
{
	CK_SESSION_HANDLE h;
	CK_RV rv;

	if (module_login(h = module_open_slot(0), pin) == CKR_OK) {
		rv = module_sign(h, 0x45);
		ck_assert_msg(rv == CKR_OK || rv == CKR_PIN_EXPIRED, "signing gave 0x%lX", rv);
		finalize();
		return true;
	}
	finalize();
	return false;
}

/* PINs typed on the reader are not known here: the age counts, old PINs do not, and a change is noted
 * when the new one has opened the card. */
START_TEST(keys_of_a_reader_tell_the_age_alone)
{
	static const struct pad_setting pad = { .features = { io_pad_features, sizeof io_pad_features } };
	static const char *const login[] = { "1234", NULL }, *const again[] = { "4321", NULL },
	    *const change[] = { "1234", "4321", "4321", NULL };
	CK_SESSION_HANDLE h;
	struct expiry e;

	module_settings("changePinPeriod = 30\nrootAutoLogin = 1\npinHelper = /nowhere\n");
	module_card(citizen, NULL, NULL);
	ck_assert(opens("1234"));
	set_day(1, "1234", 17, 0);
	module.pad = &pad;
	h = module_open_slot(0);
	io_pad_type(module.pad_io, login);
	ck_assert_uint_eq(C_Login(h, CKU_USER, NULL, 0), CKR_OK);
	ck_assert_uint_eq(flags_of(0), CKF_USER_PIN_TO_BE_CHANGED);
	ck_assert_uint_eq(module_sign_init(h, 0x45), CKR_PIN_EXPIRED);
	io_pad_type(module.pad_io, change);
	ck_assert_uint_eq(C_SetPIN(h, NULL, 0, NULL, 0), CKR_OK);
	ck_assert_uint_eq(flags_of(0), 0);
	io_pad_type(module.pad_io, again);
	ck_assert_uint_eq(C_Login(h, CKU_USER, NULL, 0), CKR_OK);
	ck_assert_uint_eq(module_sign(h, 0x45), CKR_OK);
	finalize();
	module.pad = NULL;
	e = object_of(1, "4321");
	ck_assert(e.day == (uint32_t)os_today() && !e.first && !e.used);
	module_free();
}
END_TEST

/* What is known of an old PIN holds until another program of the user has changed one: then the card is
 * asked again, which may be of no use. */
START_TEST(another_program_may_have_changed_it)
{
	char folder[] = "/tmp/castor-expiry-XXXXXX", text[128];
	struct shared others = { .folder = folder };
	CK_SESSION_HANDLE h;

	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(text, sizeof text, "changePinPeriod = 30\nDataPath = %s\n", folder);
	module_settings(text);
	module_card(citizen, NULL, NULL);
	ck_assert(opens("1234"));
	set_day(1, "1234", 17, 0);
	h = module_open_slot(0);
	ck_assert_uint_eq(module_login(h, "1234"), CKR_OK);
	ck_assert_uint_eq(module_sign_init(h, 0x45), CKR_PIN_EXPIRED);
	shared_bump(&others);
	ck_assert_uint_eq(module_sign_init(h, 0x45), CKR_PIN_EXPIRED); /* it was none of this card's */
	select_file(file_of(1));
	ck_assert_uint_eq(sw("00D60004040000FFFF"), 0x9000);
	ck_assert_uint_eq(module_sign_init(h, 0x45), CKR_PIN_EXPIRED); /* nobody was told */
	shared_bump(&others);
	ck_assert_uint_eq(module_sign(h, 0x45), CKR_OK);
	ck_assert_uint_eq(flags_of(0), 0);
	finalize();
	/* the card has forgotten the PIN: it is verified before anybody knows better */
	set_day(1, "1234", 17, 0);
	h = module_open_slot(0);
	ck_assert_uint_eq(module_login(h, "1234"), CKR_OK);
	vc_set_pin(module.vc[0], 1, "4321");
	set_day(1, "4321", 0xFFFF, 0);
	shared_bump(&others);
	ck_assert_uint_eq(module_sign(h, 0x45), CKR_USER_NOT_LOGGED_IN);
	ck_assert_uint_eq(module_login(h, "4321"), CKR_OK);
	ck_assert_uint_eq(module_sign(h, 0x45), CKR_OK);
	ck_assert_int_eq(vc_tries(module.vc[0], 1), 3);
	finalize();
	module_free();
	snprintf(text, sizeof text, "rm -rf %s", folder);
	ck_assert_int_eq(system(text), 0);
}
END_TEST

/* ---- accidents ---- */

/* The card afterwards: whole, its object too, and it serves. */
static void
is_no_worse(enum io_fault kind, unsigned n, const char *maybe)
{
	const char *pin = "1234";
	struct expiry e;

	if (kind == FAULT_64K) /* which passes for a success that never was */
		return;
	ck_assert_msg(vc_tries(module.vc[0], 1) == 3, "fault %d at command %u burnt a try", (int)kind, n);
	vc_reset(module.vc[0]);
	if (!opens(pin)) {
		ck_assert_msg(maybe && opens(maybe), "fault %d at command %u: nobody knows the PIN",
		    (int)kind, n);
		pin = maybe;
		vc_set_tries(module.vc[0], 1, 3);
	}
	/* the login has made what was missing */
	e = object_of(1, pin);
	ck_assert(e.day <= (uint32_t)os_today() && e.used <= 1);
	ck_assert_msg(pin == maybe || !e.used || e.first || e.day < (uint32_t)os_today(),
	    "fault %d at command %u: a change that was none", (int)kind, n);
}

static unsigned
run_login(enum io_fault kind, bool is_made)
{
	bool fired = true;
	unsigned n;

	module.fault = kind;
	for (n = 1; fired && n < FAR; n++) {
		CK_SESSION_HANDLE h = 0;
		CK_SLOT_ID id[8];
		CK_ULONG count = 8;

		module_card(citizen, NULL, NULL);
		if (is_made)
			ck_assert(opens("1234"));
		module.fault_at = n;
		ck_assert_uint_eq(C_Initialize(NULL), CKR_OK);
		module.fault_at = 0;
		if (C_GetSlotList(CK_TRUE, id, &count) == CKR_OK && count &&
		    C_OpenSession(id[0], CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &h) == CKR_OK)
			module_login(h, "1234");
		fired = io_fault_fired(module.io);
		io_fault_set(module.io, 0, FAULT_REMOVED);
		finalize();
		is_no_worse(kind, n, NULL);
		module_free();
	}
	return n;
}

START_TEST(a_cut_in_a_login)
{
	unsigned n;

	module_settings("changePinPeriod = 30\n");
	n = run_login((enum io_fault)_i, false);
	ck_assert_uint_gt(n, 30);
	ck_assert_uint_lt(n, FAR);
	ck_assert_uint_lt(run_login((enum io_fault)_i, true), n);
}
END_TEST

START_TEST(a_cut_in_a_change)
{
	bool fired = true;
	unsigned n;
	CK_RV rv;

	module_settings("changePinPeriod = 30\n");
	for (n = 1; fired && n < FAR; n++) {
		CK_SESSION_HANDLE h;

		module_card(citizen, NULL, NULL);
		ck_assert(opens("1234"));
		set_day(1, "1234", 17, 0);
		h = module_open_slot(0);
		ck_assert_uint_eq(module_login(h, "1234"), CKR_OK);
		ck_assert_uint_eq(module_sign_init(h, 0x45), CKR_PIN_EXPIRED);
		io_fault_set(module.io, n, (enum io_fault)_i);
		rv = module_set_pin(h, "1234", "4321");
		fired = io_fault_fired(module.io);
		io_fault_set(module.io, 0, FAULT_REMOVED);
		/* the program tries again, with what it was told; which is not whether it was changed when
		 * the answer got lost */
		if (fired && rv != CKR_OK && _i != FAULT_REMOVED && _i != FAULT_64K && _i != FAULT_LOST)
			ck_assert_uint_eq(module_set_pin(h, "1234", "4321"), CKR_OK);
		finalize();
		is_no_worse((enum io_fault)_i, n, "4321");
		module_free();
	}
	ck_assert_uint_gt(n, 10);
	ck_assert_uint_lt(n, FAR);
}
END_TEST

/* Memory runs out in a login or a change, the virtual card's too. */
static bool
once(bool change, size_t n)
{
	CK_SESSION_HANDLE h;
	CK_RV rv;

	module_card(citizen, NULL, NULL);
	if (change) {
		ck_assert(opens("1234"));
		set_day(1, "1234", 17, 0);
	}
	h = module_open_slot(0);
	if (change)
		ck_assert_uint_eq(module_login(h, "1234"), CKR_OK);
	nomem_failed = false;
	nomem_left = n;
	rv = change ? module_set_pin(h, "1234", "4321") : module_login(h, "1234");
	nomem_left = 0;
	ck_assert_msg(rv == CKR_OK || rv == CKR_HOST_MEMORY || rv == CKR_DEVICE_ERROR ||
	    rv == CKR_FUNCTION_FAILED || rv == CKR_DEVICE_MEMORY, "request %zu: 0x%lX", n, rv);
	if (rv != CKR_OK)
		ck_assert_uint_eq(change ? module_set_pin(h, "1234", "4321") : module_login(h, "1234"), CKR_OK);
	finalize();
	is_no_worse(FAULT_COUNT, (unsigned)n, change ? "4321" : NULL);
	module_free();
	return nomem_failed;
}

START_TEST(memory_runs_out)
{
	size_t n = 1;

	module_settings("changePinPeriod = 30\n");
	while (once(_i, n) && n < MANY)
		n += 2;
	ck_assert_uint_gt(n, 60);
	ck_assert_uint_lt(n, MANY);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("expiry");
	TCase *tc = tcase_create("module");

	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, without_a_period_nothing_is_stored);
	tcase_add_test(tc, the_objects_appear);
	tcase_add_test(tc, it_is_made_once);
	tcase_add_test(tc, an_old_pin_is_for_its_change_alone);
	tcase_add_test(tc, a_pin_of_unknown_age_has_a_period_of_its_own);
	tcase_add_test(tc, pin2_expires_by_itself);
	tcase_add_test(tc, the_ring_goes_round);
	tcase_add_test(tc, none_are_remembered);
	tcase_add_test(tc, an_entry_is_the_documented_hash);
	tcase_add_test(tc, an_unblocked_pin_is_a_new_one);
	tcase_add_test(tc, a_damaged_object_locks_nobody_out);
	tcase_add_test(tc, another_program_may_have_changed_it);
	tcase_add_test(tc, keys_of_a_reader_tell_the_age_alone);
	tcase_add_loop_test(tc, a_card_that_cannot_remember_serves, 0, 5);
	tcase_add_loop_test(tc, a_cut_in_a_login, 0, FAULT_COUNT);
	tcase_add_loop_test(tc, a_cut_in_a_change, 0, FAULT_COUNT);
	tcase_add_loop_test(tc, memory_runs_out, 0, 2);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
