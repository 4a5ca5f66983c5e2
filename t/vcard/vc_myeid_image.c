/* What only images of MyEID have. The schema is castor-vcard(1)'s. */
#include <string.h>

#include "t/vcard/vc_myeid.h"
#include "t/vcard/vc_yaml.h"

#define DEFAULT_ROOM 60000

static void load_quirk(struct vc_yaml *y, yaml_node_t *n, void *arg)
{
	struct vc_card *c = arg;

	if (vcy_scalar(n) != NULL && strcmp(vcy_scalar(n), "oseid") == 0)
		my(c)->oseid = true;
	else
		vcy_fail(y, n, "unknown quirk; known: oseid");
}

void vc_myeid_load(struct vc_yaml *y, struct vc_card *c)
{
	uint8_t mf[3] = { 0x11, 0x3F, 0xFF }, app[3] = { 0x11, 0x1F, 0xFF };

	if (c->serial_len != 10)
		vcy_fail(y, vcy_get(y, y->root, "serial"), "'serial' must be the hex of 10 bytes");
	my(c)->room = (size_t)vcy_number(y, y->root, "memory", DEFAULT_ROOM, 0, 1000000);
	my(c)->no_deauth = vcy_boolean(y, y->root, "no-deauth", false);
	vcy_each(y, "quirks", load_quirk, c);
	vcy_hex(y, y->root, "mf", mf, 3, 3);
	vcy_hex(y, y->root, "application", app, 3, 3);
	if (!y->failed && !vc_fs_format(c, mf, app))
		vcy_fail(y, y->root, "out of memory");
	my(c)->change = 1;
}

void vc_myeid_load_pin(struct vc_yaml *y, yaml_node_t *map, struct vc_card *c, unsigned number)
{
	struct myeid_pin *pin = &my(c)->pin[number];

	if (c->pin[number].puk.len == 0)
		vcy_fail(y, map, "'puk' must have 1 to %d characters", MYEID_PIN);
	pin->flags = (uint8_t)vcy_number(y, map, "flags", 0, 0, 255);
	pin->puk_min = (uint8_t)vcy_number(y, map, "puk-min", 4, 1, MYEID_PIN);
	c->pin[number].locked = (pin->flags & PIN_LOCKED) != 0;
}

void vc_myeid_load_file(struct vc_yaml *y, yaml_node_t *map, struct vc_card *c, struct vc_file *f)
{
	uint8_t acl[3], prop[2];

	(void)c;
	if (vcy_hex(y, map, "acl", acl, 3, 3) == 3)
		memcpy(my_file(f)->acl, acl, 3);
	else
		vcy_fail(y, map, "'acl' is missing: three bytes as in tag 86");
	if (vcy_hex(y, map, "prop", prop, 2, 2) == 2)
		memcpy(my_file(f)->prop, prop, 2);
	if (vc_file_has_key(f))
		my_file(f)->prop[0] = (uint8_t)((my_file(f)->prop[0] & 0xF0) | 1);
}
