/* Records in a card's directories come, change and go by splice: what others wrote keeps every
 * byte, and a card pulled out at any command is a card that can still be listed and written to. */
#include "token/dir.h"

#include "t/unit/bytes.h"
#include "t/unit/cards.h"

#define FAR 60 /* more commands than one job has */

static const struct range whole = { .whole = true };
static const struct path dodf = { PATH_APP, 2, { 0x44, 0x06 } };
static const struct path cdf = { PATH_APP, 2, { 0x44, 0x03 } };

struct desk {
	struct rig rig;
	struct p15_odf odf;
};

static void
read_file(struct card *card, const struct path *path, struct buf *out)
{
	buf_reset(out);
	ck_assert_int_eq(card->ops->read(card, path, &whole, out), 0);
}

/* A card with its PIN given, inside a transaction. */
static void
sit_down(struct desk *d)
{
	const struct path odf = { PATH_APP, 2, { 0x50, 0x31 } };
	struct buf ef = BUF_INIT;
	int tries;

	if (!d->rig.card)
		rig_card(&d->rig);
	ck_assert_int_eq(card_begin(d->rig.card, 1000), 0);
	read_file(d->rig.card, &odf, &ef);
	ck_assert_int_eq(p15_odf_decode(buf_peek(&ef), &d->odf), 0);
	ck_assert_int_eq(card_pin_verify(d->rig.card, &pin1, view_str("1234"), &tries), 0);
	buf_free(&ef);
}

static void
desk_open(struct desk *d, const char *image)
{
	struct io *under;

	memset(d, 0, sizeof *d);
	rig_open(&d->rig, virtual_card(image, NULL, NULL));
	under = d->rig.io;
	ck_assert_int_eq(io_fault_new(&under, &d->rig.io), 0);
	sit_down(d);
}

static void
desk_close(struct desk *d)
{
	if (d->rig.card)
		card_end(d->rig.card, IO_END_LEAVE);
	rig_close(&d->rig);
}

/* The card comes back after an accident: another program connects. */
static void
sit_down_again(struct desk *d)
{
	io_fault_set(d->rig.io, 0, FAULT_REMOVED);
	card_end(d->rig.card, IO_END_LEAVE);
	card_close(&d->rig.card);
	sit_down(d);
}

static struct p15_object
data_object(const char *label)
{
	struct p15_object o = { .kind = P15_DATA, .flags = P15_FLAG_MODIFIABLE };

	o.label = (char *)(uintptr_t)label;
	o.path = (struct path){ PATH_APP, 2, { 0x49, 0x01 } };
	o.range = whole;
	return o;
}

/* Labels of what a directory lists, "a,b,", and how many records could not be read. */
static void
list(struct card *card, const struct p15_odf *odf, enum p15_kind kind, const struct path *path, struct buf *labels,
    size_t *skipped)
{
	struct p15_objects all = { 0 };
	struct buf ef = BUF_INIT;
	int r = -1;

	read_file(card, path, &ef);
	for (size_t i = 0; i < odf->n; i++)
		if (odf->e[i].kind == kind && odf->e[i].path.b[odf->e[i].path.len - 1] == path->b[1])
			r = p15_dir_decode(&odf->e[i], buf_peek(&ef), &all, skipped);
	ck_assert_int_eq(r, 0);
	buf_reset(labels);
	for (size_t i = 0; i < all.n; i++)
		buf_fmt(labels, "%s,", all.p[i]->label);
	buf_text(labels);
	p15_objects_free(&all);
	buf_free(&ef);
}

static void
lists(struct desk *d, const char *want)
{
	struct buf labels = BUF_INIT;
	size_t skipped = 0;

	list(d->rig.card, &d->odf, P15_DATA, &dodf, &labels, &skipped);
	ck_assert_str_eq(buf_text(&labels), want);
	buf_free(&labels);
}

START_TEST(records_come_and_go)
{
	struct p15_object a = data_object("first"), b = data_object("second one"), c = data_object("third");
	struct buf before = BUF_INIT, after = BUF_INIT;
	struct made made = { 0 };
	struct desk d;

	desk_open(&d, "myeid.yaml");
	read_file(d.rig.card, &dodf, &before);
	ck_assert_int_eq(dir_append(d.rig.card, &d.odf, &a, &made), 0);
	ck_assert_int_eq(dir_append(d.rig.card, &d.odf, &b, &made), 0);
	lists(&d, "first,second one,");
	ck_assert_uint_eq(made.nrec, 2);
	ck_assert_uint_eq(b.rec_off, a.rec_off + a.rec_len);
	/* the first away: the second moves to its place, for OpenSC reads no further than filler */
	ck_assert_int_eq(dir_remove(d.rig.card, &a.dir, a.rec_off, a.rec_len), 0);
	lists(&d, "second one,");
	ck_assert_int_eq(dir_append(d.rig.card, &d.odf, &c, &made), 0);
	ck_assert_uint_eq(c.rec_off, a.rec_off + b.rec_len);
	lists(&d, "second one,third,");
	ck_assert_int_eq(dir_remove(d.rig.card, &b.dir, a.rec_off, b.rec_len), 0);
	lists(&d, "third,");
	ck_assert_int_eq(dir_remove(d.rig.card, &c.dir, a.rec_off, c.rec_len), 0);
	read_file(d.rig.card, &dodf, &after);
	ck_assert(view_eq(buf_peek(&before), buf_peek(&after)));
	buf_free(&before);
	buf_free(&after);
	desk_close(&d);
}
END_TEST

START_TEST(a_record_is_replaced_in_its_place)
{
	struct p15_object a = data_object("first"), b = data_object("other");
	struct made made = { 0 };
	struct buf record = BUF_INIT;
	struct desk d;

	desk_open(&d, "myeid.yaml");
	ck_assert_int_eq(dir_append(d.rig.card, &d.odf, &a, &made), 0);
	ck_assert_int_eq(p15_record_encode(&b, &record), 0);
	ck_assert_uint_eq(record.len, a.rec_len);
	ck_assert_int_eq(dir_replace(d.rig.card, &a.dir, a.rec_off, buf_peek(&record)), 0);
	lists(&d, "other,");
	buf_free(&record);
	desk_close(&d);
}
END_TEST

START_TEST(undo_takes_records_and_files_away)
{
	struct p15_object a = data_object("first"), b = data_object("second");
	struct new_file f = { .type = NEW_EF, .size = 10, .public_read = true, .pin = 1 };
	struct buf before = BUF_INIT, after = BUF_INIT;
	struct made made = { 0 };
	struct desk d;

	desk_open(&d, "myeid.yaml");
	read_file(d.rig.card, &dodf, &before);
	ck_assert_int_eq(dir_new_file(d.rig.card, FILES_DATA, &f, &made), 0);
	read_file(d.rig.card, &f.path, &after); /* it is there */
	ck_assert_int_eq(dir_append(d.rig.card, &d.odf, &a, &made), 0);
	ck_assert_int_eq(dir_append(d.rig.card, &d.odf, &b, &made), 0);
	dir_undo(d.rig.card, &made);
	read_file(d.rig.card, &dodf, &after);
	ck_assert(view_eq(buf_peek(&before), buf_peek(&after)));
	ck_assert_int_eq(d.rig.card->ops->read(d.rig.card, &f.path, &whole, &after), E_NOT_FOUND);
	buf_free(&before);
	buf_free(&after);
	desk_close(&d);
}
END_TEST

START_TEST(a_directory_can_be_full_and_stays_whole)
{
	char name[] = "object number 000 of a directory that gets full";
	struct p15_object o = data_object(name);
	struct buf labels = BUF_INIT, again = BUF_INIT;
	struct made made;
	struct desk d;
	size_t skipped;
	unsigned n;
	int err;

	desk_open(&d, "myeid.yaml");
	for (n = 0; n < 200; n++) {
		memset(&made, 0, sizeof made);
		snprintf(name, sizeof name, "object number %03u of a directory that gets full", n % 1000);
		list(d.rig.card, &d.odf, P15_DATA, &dodf, &labels, &skipped);
		if ((err = dir_append(d.rig.card, &d.odf, &o, &made)))
			break;
	}
	ck_assert_int_eq(err, E_FULL);
	ck_assert_uint_gt(n, 10);
	ck_assert_uint_eq(made.nrec, 0);
	list(d.rig.card, &d.odf, P15_DATA, &dodf, &again, &skipped);
	ck_assert(view_eq(buf_peek(&labels), buf_peek(&again)));
	buf_free(&labels);
	buf_free(&again);
	desk_close(&d);
}
END_TEST

START_TEST(no_more_is_made_in_one_job_than_can_be_undone)
{
	struct p15_object o = data_object("x");
	struct new_file f = { .type = NEW_EF, .size = 1, .pin = 1 };
	struct made made = { .nfile = MADE_MAX, .nrec = MADE_MAX };
	struct desk d;

	desk_open(&d, "myeid.yaml");
	ck_assert_int_eq(dir_append(d.rig.card, &d.odf, &o, &made), E_LIMIT);
	ck_assert_int_eq(dir_new_file(d.rig.card, FILES_DATA, &f, &made), E_LIMIT);
	lists(&d, "");
	desk_close(&d);
}
END_TEST

/* Accidents. A certificate record is the one written, into the directory that has others'. */
static struct p15_object
cert_object(void)
{
	struct p15_object o = { .kind = P15_CERT, .flags = P15_FLAG_MODIFIABLE };

	o.label = (char *)(uintptr_t)"mine";
	o.id = (struct p15_id){ 1, { 0x77 } };
	o.path = (struct path){ PATH_APP, 2, { 0x43, 0x01 } };
	o.range = whole;
	return o;
}

static const char theirs[] = "todentamis- ja salausvarmenne,todentamisvarmenne P-384,"
	"Castor TEST CA for Citizen Certificates G4,";

/* All that was there before is there, byte for byte, and the list is theirs with mine or without. */
static void
card_is_whole(struct desk *d, struct view before, unsigned n, bool *mine)
{
	struct buf now = BUF_INIT, labels = BUF_INIT;
	const size_t used = before.len;
	size_t skipped = 0;

	read_file(d->rig.card, &cdf, &now);
	ck_assert_uint_ge(now.len, used);
	ck_assert_msg(memcmp(now.p, before.p, used) == 0, "cut at command %u changed others' records", n);
	list(d->rig.card, &d->odf, P15_CERT, &cdf, &labels, &skipped);
	ck_assert_msg(strncmp(buf_text(&labels), theirs, strlen(theirs)) == 0, "cut at command %u: %s", n,
	    buf_text(&labels));
	*mine = strcmp(buf_text(&labels) + strlen(theirs), "mine,") == 0;
	ck_assert_msg(*mine || !buf_text(&labels)[strlen(theirs)], "cut at command %u: %s", n, buf_text(&labels));
	buf_free(&now);
	buf_free(&labels);
}

/* The bytes of others' records in EF(CDF). */
static void
others(struct desk *d, struct buf *out)
{
	struct buf ef = BUF_INIT;
	size_t used;

	read_file(d->rig.card, &cdf, &ef);
	ck_assert_int_eq(p15_dir_append_at(buf_peek(&ef), 1, &used), 0);
	buf_reset(out);
	buf_put(out, ef.p, used);
	buf_free(&ef);
}

static unsigned
cut_append(enum io_fault kind, bool *ever_mine)
{
	struct buf before = BUF_INIT;
	struct p15_object o, again;
	struct made made;
	struct desk d;
	unsigned n;
	bool fired = true, mine;

	*ever_mine = false;
	for (n = 1; fired && n < FAR; n++) {
		desk_open(&d, "myeid.yaml");
		others(&d, &before);
		o = cert_object();
		memset(&made, 0, sizeof made);
		io_fault_set(d.rig.io, n, kind);
		dir_append(d.rig.card, &d.odf, &o, &made);
		fired = io_fault_fired(d.rig.io);
		sit_down_again(&d);
		card_is_whole(&d, buf_peek(&before), n, &mine);
		*ever_mine |= mine;
		/* what a cut write left is no reason not to write again */
		again = cert_object();
		again.label = (char *)(uintptr_t)"mine";
		if (!mine) {
			ck_assert_msg(dir_append(d.rig.card, &d.odf, &again, &made) == 0,
			    "cut at command %u: no record can be written any more", n);
			card_is_whole(&d, buf_peek(&before), n, &mine);
			ck_assert_msg(mine, "cut at command %u: a record written after it is not listed", n);
		}
		desk_close(&d);
	}
	buf_free(&before);
	return n;
}

static unsigned
cut_remove(enum io_fault kind)
{
	struct buf before = BUF_INIT;
	struct p15_object o, again;
	struct made made;
	struct desk d;
	unsigned n;
	bool fired = true, mine;

	for (n = 1; fired && n < FAR; n++) {
		desk_open(&d, "myeid.yaml");
		others(&d, &before);
		o = cert_object();
		memset(&made, 0, sizeof made);
		ck_assert_int_eq(dir_append(d.rig.card, &d.odf, &o, &made), 0);
		io_fault_set(d.rig.io, n, kind);
		dir_remove(d.rig.card, &o.dir, o.rec_off, o.rec_len);
		fired = io_fault_fired(d.rig.io);
		sit_down_again(&d);
		card_is_whole(&d, buf_peek(&before), n, &mine);
		ck_assert_msg(fired || !mine, "a removal removed nothing");
		again = cert_object();
		if (!mine)
			ck_assert_msg(dir_append(d.rig.card, &d.odf, &again, &made) == 0,
			    "removal cut at command %u: no record can be written any more", n);
		desk_close(&d);
	}
	buf_free(&before);
	return n;
}

static const enum io_fault cuts[] = { FAULT_REMOVED, FAULT_RESET, FAULT_6F00, FAULT_TIMEOUT };

START_TEST(a_cut_append_leaves_a_record_or_none)
{
	bool mine;

	for (size_t i = 0; i < sizeof cuts / sizeof cuts[0]; i++) {
		ck_assert_uint_gt(cut_append(cuts[i], &mine), 3);
		ck_assert(mine); /* the one that no fault met */
	}
}
END_TEST

START_TEST(a_cut_removal_leaves_a_record_or_none)
{
	for (size_t i = 0; i < sizeof cuts / sizeof cuts[0]; i++)
		ck_assert_uint_gt(cut_remove(cuts[i]), 2);
}
END_TEST

/* The worst moment: all is written but the beginning. Whatever the record's length, others'
 * records are read and a new one is written. */
START_TEST(a_record_without_its_beginning_is_no_record)
{
	char name[120];
	struct buf before = BUF_INIT;
	struct p15_object o, again = cert_object();
	struct made made;
	struct desk d;
	unsigned last;
	bool mine;

	for (size_t len = 0; len < sizeof name - 1; len++) {
		desk_open(&d, "myeid.yaml");
		others(&d, &before);
		memset(name, 'x', sizeof name);
		name[len] = 0;
		o = cert_object();
		o.label = name;
		memset(&made, 0, sizeof made);
		io_fault_set(d.rig.io, 0, FAULT_6F00);
		ck_assert_int_eq(dir_append(d.rig.card, &d.odf, &o, &made), 0);
		last = io_fault_count(d.rig.io);
		desk_close(&d);
		desk_open(&d, "myeid.yaml");
		io_fault_set(d.rig.io, last, FAULT_6F00);
		ck_assert_int_eq(dir_append(d.rig.card, &d.odf, &o, &made), E_CARD);
		ck_assert(io_fault_fired(d.rig.io));
		card_is_whole(&d, buf_peek(&before), (unsigned)len, &mine);
		ck_assert(!mine);
		ck_assert_msg(dir_append(d.rig.card, &d.odf, &again, &made) == 0, "label of %zu characters", len);
		card_is_whole(&d, buf_peek(&before), (unsigned)len, &mine);
		ck_assert_msg(mine, "label of %zu characters", len);
		desk_close(&d);
	}
	buf_free(&before);
}
END_TEST

UNIT_MAIN("dir", records_come_and_go, a_record_is_replaced_in_its_place, undo_takes_records_and_files_away,
    a_directory_can_be_full_and_stays_whole, no_more_is_made_in_one_job_than_can_be_undone,
    a_cut_append_leaves_a_record_or_none, a_cut_removal_leaves_a_record_or_none,
    a_record_without_its_beginning_is_no_record)
