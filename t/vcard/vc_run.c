/* The way of an APDU through a card: taking apart, chains, the table of commands, answers in parts. */
#include <openssl/crypto.h>
#include <string.h>

#include "t/vcard/vc_card.h"
#include "t/vcard/vc_pace.h"

#define RESPONSE_MAX 256        /* data bytes of one R-APDU: short Le */
#define INS_GET_RESPONSE 0xC0

bool vc_version_at_least(const struct vc_card *c, unsigned major, unsigned minor, unsigned revision)
{
	unsigned have =
		(unsigned)c->version[0] << 16 | (unsigned)c->version[1] << 8 | c->version[2];

	return have >= (major << 16 | minor << 8 | revision);
}

void vc_card_reset(struct vc_card *c)
{
	vc_pace_reset(c->pace);
	vc_pin_drop(c, 0);
	memset(&c->se, 0, sizeof c->se);
	c->chain.len = c->rest.len = c->rest_at = 0;
	OPENSSL_cleanse(c->chain.p, sizeof c->chain.p);
	OPENSSL_cleanse(c->rest.p, sizeof c->rest.p);
	c->df = c->files;
	c->ef = NULL;
	if (c->model->reset != NULL)
		c->model->reset(c);
}

static const struct vc_command *command_of(const struct vc_model *model, uint8_t ins)
{
	size_t i;

	for (i = 0; i < model->n_commands; i++)
		if (model->commands[i].ins == ins)
			return &model->commands[i];
	return NULL;
}

/* Takes a short APDU apart (cases 1 to 4); false when its lengths do not add up. */
static bool parse(const uint8_t *in, size_t len, struct vc_cmd *cmd)
{
	*cmd = (struct vc_cmd){ .cla = in[0], .ins = in[1], .p1 = in[2], .p2 = in[3] };
	if (len == 4)
		return true;
	if (len > 5) {
		cmd->lc = in[4];
		cmd->data = in + 5;
		if (cmd->lc == 0 || (len != 5 + cmd->lc && len != 6 + cmd->lc))
			return false;
		if (len == 5 + cmd->lc)
			return true;
	}
	cmd->has_le = true;
	cmd->le = in[len - 1] != 0 ? in[len - 1] : 256;
	return true;
}

/* What a card says that has no more to tell: CLA 00, or 10 on a command that chains. */
static uint16_t admit(const struct vc_cmd *cmd, const struct vc_command *command)
{
	if (cmd->cla != 0x00 && cmd->cla != 0x10)
		return SW_CLA;
	if (command == NULL)
		return SW_INS;
	return cmd->cla == 0x10 && !command->chains ? SW_NO_CHAINING : SW_OK;
}

/*
 * Gathers a chained command. SW_OK with *complete false while more is to come; then cmd's data is
 * the whole.
 */
static uint16_t gather(struct vc_card *c, struct vc_cmd *cmd, bool *complete)
{
	const uint8_t head[3] = { cmd->ins, cmd->p1, cmd->p2 };
	bool part = (cmd->cla & 0x10) != 0 &&
		!(c->model->piece != NULL && c->model->piece(c, cmd));

	*complete = !part;
	if (c->chain.len != 0 && memcmp(c->chain_head, head, sizeof head) != 0)
		c->chain.len = 0;       /* another command breaks a chain off */
	if (!part && c->chain.len == 0)
		return SW_OK;
	memcpy(c->chain_head, head, sizeof head);
	if (part && cmd->lc == 0)
		return SW_LENGTH;
	if (cmd->lc != 0 && !vc_blob_add(&c->chain, cmd->data, cmd->lc)) {
		c->chain.len = 0;
		return SW_LENGTH;
	}
	if (!part) {
		cmd->data = c->chain.p;
		cmd->lc = c->chain.len;
		c->chain.len = 0;
	}
	return SW_OK;
}

/* The next part of `rest`, at most `want` bytes. */
static uint16_t more(struct vc_card *c, size_t want, struct vc_blob *out)
{
	size_t left = c->rest.len - c->rest_at, take = left < want ? left : want;

	vc_blob_add(out, c->rest.p + c->rest_at, take);
	c->rest_at += take;
	left -= take;
	if (left == 0)
		c->rest.len = c->rest_at = 0;
	return left == 0 ? SW_OK : (uint16_t)(SW_MORE | (left > 255 ? 0 : left));
}

uint16_t vc_get_response(struct vc_card *c, const struct vc_cmd *cmd, struct vc_blob *out)
{
	size_t left = c->rest.len - c->rest_at;

	if (cmd->p1 != 0 || cmd->p2 != 0)
		return SW_P1P2;
	if (cmd->lc != 0 || !cmd->has_le)
		return SW_LENGTH;
	if (c->rest.len == 0)
		return SW_CONDITIONS;
	/* Too much is no harm to a card of T=1; that of T=0 names the length and keeps the rest. */
	if (c->t0 && cmd->le > left && left < 256)
		return (uint16_t)(SW_LE | left);
	return more(c, cmd->le, out);
}

uint16_t vc_t0_le(const struct vc_card *c, const struct vc_cmd *cmd, size_t have)
{
	size_t want = have < 256 ? have : 256;

	if (!c->t0 || cmd->lc != 0 || !cmd->has_le || have == 0 || cmd->le == want)
		return SW_OK;
	return (uint16_t)(SW_LE | (want & 0xFF));
}

/* Hands the answer over: the whole, or a part with 61xx. */
static uint16_t deliver(struct vc_card *c, const struct vc_cmd *cmd, struct vc_blob *out, uint16_t sw)
{
	uint16_t wrong;

	if (c->t0 && cmd->ins != INS_GET_RESPONSE && sw == SW_OK) {
		wrong = vc_t0_le(c, cmd, out->len);
		if (wrong != SW_OK) {
			out->len = 0;
			return wrong;
		}
	}
	/* A TPDU of T=0 has room for data one way only. ISO/IEC 7816-3, 12.1.2. */
	if (c->t0 && cmd->lc != 0 && out->len != 0 && cmd->ins != INS_GET_RESPONSE) {
		c->rest = *out;
		c->rest_at = out->len = 0;
		return (uint16_t)(SW_MORE | (c->rest.len > 255 ? 0 : c->rest.len));
	}
	if (out->len > RESPONSE_MAX) {
		c->rest = *out;
		c->rest_at = 0;
		out->len = 0;
		sw = more(c, RESPONSE_MAX, out);
	}
	return sw;
}

uint16_t vc_run(struct vc_card *c, const uint8_t *in, size_t inlen, struct vc_blob *out)
{
	const struct vc_model *model = c->model;
	const struct vc_command *command;
	struct vc_cmd cmd;
	uint16_t sw;
	bool complete;

	if (model->run != NULL)
		return model->run(c, in, inlen, out);
	if (inlen < 4)
		return SW_LENGTH;
	command = command_of(model, in[1]);
	if (in[1] != INS_GET_RESPONSE)
		c->rest.len = c->rest_at = 0;
	if (!parse(in, inlen, &cmd))
		return SW_LENGTH;
	sw = model->admit != NULL ? model->admit(c, &cmd, command) : admit(&cmd, command);
	if (sw != SW_OK)
		return sw;
	if (command == NULL)
		return SW_INS;
	sw = gather(c, &cmd, &complete);
	if (sw != SW_OK || !complete)
		return sw;
	sw = command->run(c, &cmd, out);
	return deliver(c, &cmd, out, sw);
}

uint16_t vc_operate(const struct vc_operation *table, size_t n, struct vc_card *c, const struct vc_cmd *cmd,
	struct vc_blob *out)
{
	for (size_t i = 0; i < n; i++)
		if (table[i].p1 == cmd->p1 && table[i].p2 == cmd->p2)
			return table[i].run(c, cmd, out);
	return SW_P1P2;
}
