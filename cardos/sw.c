#include "cardos/sw.h"

#include "base/err.h"

static const struct sw_rule iso_rules[] = {
	{ 0x9000, 0xFFFF, 0 },
	{ 0x63C0, 0xFFFF, E_PIN_BLOCKED },
	{ 0x63C0, 0xFFF0, E_PIN_WRONG },
	{ 0x6300, 0xFFFF, E_PIN_WRONG },
	{ 0x6983, 0xFFFF, E_PIN_BLOCKED },
	{ 0x6982, 0xFFFF, E_PIN_NEEDED },
	{ 0x6984, 0xFFFF, E_DENIED },
	{ 0x6985, 0xFFFF, E_DENIED },
	{ 0x6986, 0xFFFF, E_DENIED },
	{ 0x6A80, 0xFFFF, E_DATA },
	{ 0x6A81, 0xFFFF, E_UNSUPPORTED },
	{ 0x6A82, 0xFFFF, E_NOT_FOUND },
	{ 0x6A83, 0xFFFF, E_NOT_FOUND },
	{ 0x6A88, 0xFFFF, E_NOT_FOUND },
	{ 0x6A84, 0xFFFF, E_FULL },
	{ 0x6581, 0xFFFF, E_FULL },
	{ 0x6A89, 0xFFFF, E_EXISTS },
	{ 0x6A8A, 0xFFFF, E_EXISTS },
	{ 0x6A86, 0xFFFF, E_PROTOCOL },
	{ 0x6700, 0xFFFF, E_PROTOCOL },
	{ 0x6B00, 0xFFFF, E_PROTOCOL },
	{ 0x6100, 0xFF00, E_PROTOCOL }, /* to a part of a chain: there is nothing to fetch */
	{ 0x6C00, 0xFF00, E_PROTOCOL },
	{ 0x6E00, 0xFFFF, E_PROTOCOL },
	{ 0x6D00, 0xFFFF, E_UNSUPPORTED },
	{ 0, 0, E_CARD },
};

static const struct sw_rule *
rule_find(const struct sw_rule *rule, uint16_t sw)
{
	while (rule->mask && (sw & rule->mask) != rule->value)
		rule++;
	return rule;
}

int
sw_err(const struct sw_rule *driver, uint16_t sw)
{
	const struct sw_rule *rule;

	if (driver && (rule = rule_find(driver, sw))->mask)
		return rule->err;
	return rule_find(iso_rules, sw)->err;
}

int
sw_tries(uint16_t sw)
{
	return (sw & 0xFFF0) == 0x63C0 ? sw & 0xF : -1;
}
