/* MyEID's PINs, what they open, and the security environment. */
#include <openssl/crypto.h>
#include <string.h>

#include "t/vcard/vc_myeid.h"

/* What MSE SET takes: P1 P2, the reference tag, and whether a second file may be named. */
static const struct mse_use { uint8_t p1, p2; bool sym; bool target; } mse_uses[] = {
	{ 0x41, 0xB6, false, false },
	{ 0x41, 0xB8, true, true },
	{ 0x81, 0xB8, true, true },
	{ 0x41, 0xA4, false, false },
};

static const uint8_t mse_algs[] = { 0x00, 0x02, 0x04, 0x0A, 0x12, 0x80, 0x8A };

uint16_t vc_pin_bitmap(const struct vc_card *c)
{
	unsigned map = 0, i;

	if (!c->activated)
		return 0xFFFF;
	for (i = 1; i < VC_PINS; i++)
		map |= (unsigned)c->pin[i].verified << (i - 1);
	map |= (unsigned)my(c)->unblocker << 14 | (unsigned)my(c)->admin << 15;
	return (uint16_t)map;
}

void vc_sec_dropped(struct vc_card *c, unsigned number)
{
	if (my(c)->pin[number].flags & PIN_IS_UNBLOCKER)
		my(c)->unblocker = false;
	if (my(c)->pin[number].flags & PIN_IS_ADMIN)
		my(c)->admin = false;
}

void vc_sec_consent(struct vc_card *c, const struct vc_file *key)
{
	unsigned number = my_file(key)->prop[0] >> 4;
	struct vc_pin *pin = vc_pin_get(c, number);

	if (pin == NULL || !c->activated)
		return;
	vc_pin_drop(c, number);
	pin->spent = true;
}

uint16_t vc_sec_use(struct vc_card *c, const struct vc_file *key)
{
	const struct vc_pin *pin = vc_pin_get(c, my_file(key)->prop[0] >> 4);

	if (c->activated && pin != NULL && pin->spent)
		return SW_CONDITIONS;
	return vc_file_may(c, key, VC_USE) ? SW_OK : SW_SECURITY;
}

/* The PIN that P2 names, P1 being 00; NULL with a status word. */
static struct vc_pin *pin_of(struct vc_card *c, const struct vc_cmd *cmd, uint16_t *sw)
{
	struct vc_pin *pin = vc_pin_get(c, cmd->p2);

	*sw = SW_OK;
	if (cmd->p1 != 0 || cmd->p2 == 0 || cmd->p2 >= VC_PINS)
		*sw = SW_P1P2;
	else if (pin == NULL)
		*sw = my(c)->oseid ? SW_BLOCKED : SW_REF_NOT_FOUND;
	return *sw == SW_OK ? pin : NULL;
}

/* FF only behind the digits, and at least min of those. */
static bool pin_well_formed(const uint8_t *p, size_t min)
{
	size_t n = MYEID_PIN;

	while (n != 0 && p[n - 1] == 0xFF)
		n--;
	return n >= min && memchr(p, 0xFF, n) == NULL;
}

/* What a right PIN brings. */
static void pin_opens(struct vc_card *c, struct vc_pin *pin)
{
	pin->verified = true;
	if (my_pin(c, pin)->flags & PIN_IS_UNBLOCKER)
		my(c)->unblocker = true;
	if (my_pin(c, pin)->flags & PIN_IS_ADMIN)
		my(c)->admin = true;
}

uint16_t vc_sec_verify(struct vc_card *c, const struct vc_cmd *cmd, struct vc_blob *out)
{
	uint8_t given[MYEID_PIN];
	uint16_t sw;
	unsigned number = cmd->p2;
	struct vc_pin *pin = pin_of(c, cmd, &sw);

	(void)out;
	if (pin == NULL)
		return sw;
	if (cmd->lc == 0) {
		if (!c->activated || pin->verified)
			return SW_OK;
		return pin->tries == 0 || pin->locked ? SW_BLOCKED
						      : (uint16_t)(SW_WRONG_PIN | pin->tries);
	}
	if (cmd->lc != MYEID_PIN && !(my(c)->oseid && cmd->lc < MYEID_PIN))
		return SW_LENGTH;
	if (pin->locked)
		return SW_BLOCKED;
	memset(given, 0xFF, sizeof given);
	memcpy(given, cmd->data, cmd->lc);
	vc_pin_drop(c, number);
	sw = vc_pin_try(pin, given, sizeof given);
	OPENSSL_cleanse(given, sizeof given);
	if (sw != SW_OK)
		return sw;
	pin_opens(c, pin);
	return SW_OK;
}

uint16_t vc_sec_change(struct vc_card *c, const struct vc_cmd *cmd, struct vc_blob *out)
{
	uint16_t sw;
	struct vc_pin *pin = pin_of(c, cmd, &sw);

	(void)out;
	if (pin == NULL)
		return sw;
	if (cmd->lc != 2 * MYEID_PIN)
		return SW_LENGTH;
	if (pin->locked)
		return SW_BLOCKED;
	if (!pin_well_formed(cmd->data + MYEID_PIN, pin->min))
		return SW_DATA;
	/* Right or wrong: the PIN is not verified afterwards, but on cards that think otherwise. */
	vc_pin_drop(c, cmd->p2);
	sw = vc_pin_try(pin, cmd->data, MYEID_PIN);
	if (sw != SW_OK)
		return sw;
	vc_pin_put(pin, cmd->data + MYEID_PIN, MYEID_PIN);
	pin->changed = true;
	if (c->change_opens)
		pin_opens(c, pin);
	return SW_OK;
}

uint16_t vc_sec_unblock(struct vc_card *c, const struct vc_cmd *cmd, struct vc_blob *out)
{
	uint16_t sw;
	struct vc_pin *pin = pin_of(c, cmd, &sw);
	const uint8_t *fresh = cmd->data;
	bool granted;

	(void)out;
	if (pin == NULL)
		return sw;
	granted = (my(c)->admin && (my_pin(c, pin)->flags & PIN_ADMIN_CHANGE)) ||
		(my(c)->unblocker && (my_pin(c, pin)->flags & PIN_GLOBAL_UNBLOCK));
	if (cmd->lc != 2 * MYEID_PIN && !(granted && cmd->lc == MYEID_PIN))
		return SW_LENGTH;
	if (cmd->lc == 2 * MYEID_PIN)
		fresh += MYEID_PIN;
	if (!pin_well_formed(fresh, pin->min))
		return SW_DATA;
	if (cmd->lc == 2 * MYEID_PIN) {
		sw = vc_pin_try_puk(c, pin, cmd->data, MYEID_PIN);
		if (sw != SW_OK)
			return sw;
	}
	vc_pin_drop(c, cmd->p2);
	vc_pin_put(pin, fresh, MYEID_PIN);
	pin->changed = true;            /* "since manufacture", whatever did it */
	pin->locked = (my_pin(c, pin)->flags & PIN_RELOCK) != 0;
	if (c->change_opens && !pin->locked)
		pin_opens(c, pin);
	return SW_OK;
}

uint16_t vc_sec_logout(struct vc_card *c, const struct vc_cmd *cmd, struct vc_blob *out)
{
	(void)out;
	if (my(c)->no_deauth)
		return SW_INS;
	if (cmd->lc != 0)
		return SW_LENGTH;
	if (cmd->p1 == 0xA0 && cmd->p2 == 0)
		my(c)->admin = false;
	else if (cmd->p1 == 0xB0 && cmd->p2 == 0)
		my(c)->unblocker = false;
	else if (cmd->p1 == 0 && cmd->p2 < VC_PINS)
		vc_pin_drop(c, cmd->p2);
	else
		return SW_P1P2;
	return SW_OK;
}

uint16_t vc_sec_init_pin(struct vc_card *c, const struct vc_cmd *cmd)
{
	struct vc_pin *pin = &c->pin[cmd->p2];
	const uint8_t *d = cmd->data;
	/* What a short form leaves out. Source: facts on MyEID 3, OsEID's defaults. */
	uint8_t tail[] = { 5, 10, 0, 0, 0, 4, 4 };
	bool short_form = cmd->lc == 2 * MYEID_PIN + 3;
	bool long_form = cmd->lc == 2 * MYEID_PIN + sizeof tail;

	if (!short_form && !long_form && !(my(c)->oseid && cmd->lc == 2 * MYEID_PIN))
		return SW_LENGTH;
	if (c->activated)
		return SW_SECURITY;
	memcpy(tail, d + 2 * MYEID_PIN, cmd->lc - 2 * MYEID_PIN);
	if (tail[0] == 0 || tail[0] > 15 || tail[1] > 15)
		return SW_DATA;
	*pin = (struct vc_pin){ .ref = cmd->p2, .block = MYEID_PIN, .pad = 0xFF, .digits = MYEID_PIN };
	memcpy(pin->puk.p, d + MYEID_PIN, MYEID_PIN);
	pin->puk.len = MYEID_PIN;
	pin->max = tail[0];
	vc_pin_put(pin, d, MYEID_PIN);
	pin->puk_tries = pin->puk_max = tail[1];
	my_pin(c, pin)->flags = tail[2];
	my_pin(c, pin)->type = tail[3];
	my_pin(c, pin)->grid = tail[4];
	pin->min = tail[5];
	my_pin(c, pin)->puk_min = tail[6];
	pin->locked = (my_pin(c, pin)->flags & PIN_LOCKED) != 0;
	pin->set = true;
	return SW_OK;
}

/* Takes one TLV off the front; false at the end or when it is cut short. */
static bool crdo(const uint8_t **p, size_t *n, uint8_t *tag, const uint8_t **val, size_t *len)
{
	if (*n < 2 || *n - 2 < (*p)[1])
		return false;
	*tag = (*p)[0];
	*len = (*p)[1];
	*val = *p + 2;
	*p += 2 + *len;
	*n -= 2 + *len;
	return true;
}

static struct vc_file *key_named(const struct vc_card *c, const uint8_t *fid)
{
	struct vc_file *f = vc_file_child(c, c->df, (uint16_t)(fid[0] << 8 | fid[1]));

	return f != NULL && vc_file_is_key(f) ? f : NULL;
}

/* Reads the control reference objects in the card's fixed order. */
static uint16_t mse_set(const struct vc_card *c, const struct vc_cmd *cmd,
	const struct mse_use *use, struct vc_se *se)
{
	const uint8_t *p = cmd->data, *val;
	size_t n = cmd->lc, len;
	uint8_t tag;

	if (!crdo(&p, &n, &tag, &val, &len) || tag != 0x80 || len != 1)
		return SW_FUNCTION;
	se->alg = val[0];
	if (memchr(mse_algs, se->alg, sizeof mse_algs) == NULL)
		return SW_FUNCTION;
	if (!crdo(&p, &n, &tag, &val, &len) || tag != 0x81 || len != 2)
		return SW_FUNCTION;
	se->key = key_named(c, val);
	if (se->key == NULL)
		return SW_REF_NOT_FOUND;
	/* 84 private, 83 symmetric: mandatory, and always key 00 of its file. */
	if (!crdo(&p, &n, &tag, &val, &len) || (tag != 0x84 && !(tag == 0x83 && use->sym)) ||
	    len != 1 || val[0] != 0)
		return SW_FUNCTION;
	while (n != 0) {
		if (!crdo(&p, &n, &tag, &val, &len))
			return SW_DATA;
		if (tag == 0x83 && len == 2 && use->target) {
			se->target = key_named(c, val);
			if (se->target == NULL)
				return SW_REF_NOT_FOUND;
		} else if (tag == 0x87 && use->sym && len <= sizeof se->iv) {
			memcpy(se->iv, val, len);
			se->iv_len = len;
		} else {
			return SW_DATA;
		}
	}
	return SW_OK;
}

uint16_t vc_sec_mse(struct vc_card *c, const struct vc_cmd *cmd, struct vc_blob *out)
{
	struct vc_se se = { 0 };
	uint16_t sw;
	size_t i;

	(void)out;
	if (cmd->p1 == 0xF3) {          /* RESTORE: the empty environment */
		if (cmd->lc != 0)
			return SW_LENGTH;
		memset(&c->se, 0, sizeof c->se);
		return SW_OK;
	}
	for (i = 0; i < sizeof mse_uses / sizeof mse_uses[0]; i++)
		if (mse_uses[i].p1 == cmd->p1 && mse_uses[i].p2 == cmd->p2)
			break;
	if (i == sizeof mse_uses / sizeof mse_uses[0])
		return SW_P1P2;
	se.dir = cmd->p1;
	se.use = cmd->p2;
	sw = mse_set(c, cmd, &mse_uses[i], &se);
	if (sw == SW_OK) {
		c->se = se;
		my(c)->half_key = NULL;
		my(c)->half.len = 0;
	}
	return sw;
}
