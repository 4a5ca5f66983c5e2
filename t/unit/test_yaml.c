#include "mapping/yaml.h"

#include "base/err.h"
#include "t/unit/bytes.h"
#include "t/unit/mutate.h"
#include "t/unit/unit.h"

static const char good[] =
    "# a comment\n"
    "a: 1\n"
    "b: [ x, \"y z\", 0x10 ]\n"
    "c:\n"
    "  d: { e: f }\n"
    "  g:\n"
    "    - h: i\n"
    "      j: k\n"
    "    - \"\\x41\"\n";

START_TEST(a_tree_of_maps_lists_and_texts)
{
	struct buf why = BUF_INIT;
	const struct ynode *n;
	struct ytree t;

	ck_assert_int_eq(ytree_parse(view_str(good), "f", &t, &why), 0);
	ck_assert_int_eq((int)t.root->kind, YN_MAP);
	ck_assert_str_eq(ynode_get(t.root, "a")->text, "1");
	ck_assert_ptr_null(ynode_get(t.root, "z"));
	n = ynode_get(t.root, "b");
	ck_assert_int_eq((int)n->kind, YN_LIST);
	ck_assert_str_eq(n->child->next->text, "y z");
	ck_assert_str_eq(n->child->next->next->text, "0x10");
	ck_assert_ptr_null(n->child->next->next->next);
	n = ynode_get(t.root, "c");
	ck_assert_uint_eq(n->line, 4);
	ck_assert_str_eq(ynode_get(ynode_get(n, "d"), "e")->text, "f");
	n = ynode_get(n, "g");
	ck_assert_uint_eq(n->line, 6);
	ck_assert_str_eq(ynode_get(n->child, "j")->text, "k");
	ck_assert_uint_eq(ynode_get(n->child, "j")->line, 8);
	ck_assert_str_eq(n->child->next->text, "A");
	ck_assert_ptr_eq(n->child->up, n);
	ytree_free(&t);
	ck_assert_ptr_null(t.root);
	buf_free(&why);
}
END_TEST

START_TEST(what_is_not_allowed_is_an_error_with_its_line)
{
	static const struct { const char *name, *text; int r; const char *why; } cases[] = {
		{ "nothing", "", E_FORMAT, "f:1: nothing in the file" },
		{ "a comment alone", "# x\n", E_FORMAT, "f:1: nothing in the file" },
		{ "an anchor", "a: 1\nb: &x 2\n", E_FORMAT,
		    "f:2: anchors, aliases and tags are not allowed" },
		{ "an anchor on a list", "a: &x [ 1 ]\n", E_FORMAT,
		    "f:1: anchors, aliases and tags are not allowed" },
		{ "an anchor on a map", "a: &x { b: 1 }\n", E_FORMAT,
		    "f:1: anchors, aliases and tags are not allowed" },
		{ "an alias", "a: *x\n", E_FORMAT,
		    "f:1: anchors, aliases and tags are not allowed" },
		{ "a tag", "\na: !!str 1\n", E_FORMAT,
		    "f:2: anchors, aliases and tags are not allowed" },
		{ "a key twice", "a: 1\nb: 2\na: 3\n", E_FORMAT,
		    "f:3: a key stands here a second time" },
		{ "a list as a key", "[ a ]: 1\n", E_FORMAT, "f:1: a key must be a text" },
		{ "a map as a key", "{ a: b }: 1\n", E_FORMAT, "f:1: a key must be a text" },
		{ "a second document", "a: 1\n---\nb: 2\n", E_FORMAT,
		    "f:2: a second document in the file" },
		{ "a NUL", "a: \"x\\0y\"\n", E_FORMAT, "f:1: a text with a NUL character" },
		{ "Latin-1", "a: 1\nb: \xE4\n", E_FORMAT, "f:2: not a text in UTF-8" },
		{ "UTF-16", "\xFF\xFE" "a\0", E_FORMAT, "f:1: not a text in UTF-8" },
		{ "nested too deeply", "[[[[[[[[[ x ]]]]]]]]]", E_LIMIT,
		    "f:1: nested too deeply, at most 8 levels are read" },
		{ "not closed", "a: [ 1\n", E_FORMAT, NULL },
		{ "tabs", "a:\n\t- b\n", E_FORMAT, NULL }
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct buf why = BUF_INIT;
		struct ytree t;

		ck_assert_msg(ytree_parse(view_str(cases[i].text), "f", &t, &why) == cases[i].r,
		    "%s",
		    cases[i].name);
		ck_assert_ptr_null(t.root);
		if (cases[i].why)
			ck_assert_str_eq(buf_text(&why), cases[i].why);
		else
			ck_assert_int_eq(strncmp(buf_text(&why), "f:", 2), 0);
		buf_free(&why);
	}
}
END_TEST

START_TEST(limits_hold)
{
	struct buf text = BUF_INIT, why = BUF_INIT;
	struct ytree t;

	ck_assert_int_eq(ytree_parse(view_str("[[[[[[[[ x ]]]]]]]]"), "f", &t, &why), 0);
	ytree_free(&t);
	for (int i = 0; i < YAML_NODES_MAX; i++)
		buf_str(&text, "- a\n");
	ck_assert_int_eq(ytree_parse(buf_peek(&text), "f", &t, &why), E_LIMIT);
	buf_reset(&text);
	for (int i = 0; i < YAML_NODES_MAX - 1; i++)
		buf_fmt(&text, "k%d: a\n", i);
	ck_assert_int_eq(ytree_parse(buf_peek(&text), "f", &t, &why), 0);
	ytree_free(&t);
	buf_reset(&text);
	buf_str(&text, "a: 1\n#");
	buf_fill(&text, 'x', YAML_BYTES_MAX);
	ck_assert_int_eq(ytree_parse(buf_peek(&text), "f", &t, &why), E_LIMIT);
	ck_assert_str_eq(buf_text(&why), "f:1: larger than 256 KiB");
	/* depth and breadth that libyaml itself has to get through */
	buf_reset(&text);
	buf_fill(&text, '[', 200000);
	ck_assert_int_eq(ytree_parse(buf_peek(&text), "f", &t, &why), E_LIMIT);
	buf_free(&text);
	buf_free(&why);
}
END_TEST

static void
run(struct view v, void *arg)
{
	struct buf why = BUF_INIT;
	struct ytree t;
	int r = ytree_parse(v, "f", &t, &why);

	(void)arg;
	ck_assert(r == 0 || r == E_FORMAT || r == E_LIMIT);
	if (r)
		ck_assert_int_eq(strncmp(buf_text(&why), "f:", 2), 0);
	else
		ytree_free(&t);
	buf_free(&why);
}

START_TEST(damage_is_survived)
{
	struct mutate m = { { (const uint8_t *)good, sizeof good - 1 }, run, NULL, 0 };

	ck_assert_uint_gt(mutate(&m), 1000);
}
END_TEST

UNIT_MAIN("yaml", a_tree_of_maps_lists_and_texts, what_is_not_allowed_is_an_error_with_its_line,
    limits_hold, damage_is_survived)
