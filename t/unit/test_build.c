/* From records of a card's directories to objects: each attribute against what facts of the field
 * say (facts/pkcs11.md 7), and bodies that are certificates, keys, or noise. */
#include "token/build.h"

#include "base/err.h"
#include "mapping/cert.h"
#include "t/unit/bytes.h"
#include "t/unit/mutate.h"
#include "t/unit/nomem.h"
#include "t/unit/unit.h"

#define DATA_DIR "t/unit/data/"
#define TEXT(s) ((char *)(uintptr_t)(s))

static struct p15_object rsa_key = { .kind = P15_PRIVATE, .label = TEXT("key"), .flags = P15_FLAG_PRIVATE,
	.auth_id = { 1, { 0x01 } }, .id = { 1, { 0x45 } }, .usage = USAGE_SIGN | USAGE_DECRYPT,
	.access = ACCESS_SENSITIVE | ACCESS_ALWAYS_SENSITIVE | ACCESS_NEVER_EXTRACTABLE,
	.key = { .kind = KEY_RSA, .bits = 2048 } };
static struct p15_object ec_key = { .kind = P15_PRIVATE, .label = TEXT("ec"), .flags = P15_FLAG_PRIVATE,
	.id = { 1, { 0x46 } }, .usage = USAGE_NON_REPUDIATION | USAGE_DERIVE, .access = ACCESS_LOCAL | ACCESS_SENSITIVE,
	.user_consent = 1, .key = { .kind = KEY_EC, .bits = 256 } };
static struct p15_object rsa_pub = { .kind = P15_PUBLIC, .label = TEXT("pub"), .flags = P15_FLAG_MODIFIABLE,
	.id = { 1, { 0x45 } }, .usage = USAGE_VERIFY | USAGE_ENCRYPT, .key = { .kind = KEY_RSA, .bits = 2048 } };
static struct p15_object cert = { .kind = P15_CERT, .label = TEXT("cert"), .flags = P15_FLAG_MODIFIABLE,
	.id = { 1, { 0x45 } } };
static struct p15_object ec_cert = { .kind = P15_CERT, .label = TEXT("ec cert"), .id = { 1, { 0x46 } } };
static struct p15_object ca_cert = { .kind = P15_CERT, .label = TEXT("ca"), .id = { 1, { 0x47 } }, .trusted = true };
static struct p15_object blob = { .kind = P15_DATA, .label = TEXT("blob"), .application = TEXT("app") };
static struct p15_object secret_blob = { .kind = P15_DATA, .label = TEXT("hidden"), .auth_id = { 1, { 0x01 } } };
static struct p15_object pin = { .kind = P15_AUTH, .label = TEXT("pin") };
static struct p15_object secret_key = { .kind = P15_SECRET, .label = TEXT("aes") };

static struct p15_object *everything[] = { &pin, &rsa_key, &ec_key, &secret_key, &rsa_pub, &cert, &ec_cert, &ca_cert,
	&blob, &secret_blob };
#define N(a) (sizeof(a) / sizeof((a)[0]))

/* PIN1 guards most, PIN2 the keys of the tests about slots. */
static struct build_slot two[] = { { .auth_id = { 1, { 0x01 } } }, { .auth_id = { 1, { 0x02 } } } };
static const struct build_slots slots = { two, 2 };

static struct object_list
built(struct p15_object **p, size_t n)
{
	struct p15_objects recs = { p, n };
	struct object_list out = { 0 };

	ck_assert_int_eq(build_objects(&recs, &slots, &out), 0);
	return out;
}

static struct object *
of(const struct object_list *l, CK_OBJECT_CLASS cls, const char *label)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->p[i]->cls == cls && view_eq(attrs_get_view(l->p[i]->base, CKA_LABEL), view_str(label)))
			return l->p[i];
	ck_abort_msg("no object of class %lu called %s", cls, label);
	return NULL;
}

/* What an attribute must be: a boolean, a number, text, hidden, or not there. */
enum is { FALSE_, TRUE_, NUMBER, TEXT_, HIDDEN, ABSENT };
static const struct expect {
	CK_OBJECT_CLASS cls;
	const char *label;
	CK_ATTRIBUTE_TYPE type;
	enum is is;
	CK_ULONG number;
	const char *text;
} expected[] = {
#define COMMON(cls, label, priv, modifiable) \
	{ cls, label, CKA_TOKEN, TRUE_, 0, NULL }, { cls, label, CKA_PRIVATE, priv, 0, NULL }, \
	{ cls, label, CKA_MODIFIABLE, modifiable, 0, NULL }, { cls, label, CKA_DESTROYABLE, modifiable, 0, NULL }, \
	{ cls, label, CKA_COPYABLE, FALSE_, 0, NULL }, { cls, label, CKA_CLASS, NUMBER, cls, NULL }
	COMMON(CKO_PRIVATE_KEY, "key", TRUE_, FALSE_),
	{ CKO_PRIVATE_KEY, "key", CKA_ID, TEXT_, 0, "E" },
	{ CKO_PRIVATE_KEY, "key", CKA_KEY_TYPE, NUMBER, CKK_RSA, NULL },
	{ CKO_PRIVATE_KEY, "key", CKA_SIGN, TRUE_, 0, NULL },
	{ CKO_PRIVATE_KEY, "key", CKA_DECRYPT, TRUE_, 0, NULL },
	{ CKO_PRIVATE_KEY, "key", CKA_SIGN_RECOVER, FALSE_, 0, NULL },
	{ CKO_PRIVATE_KEY, "key", CKA_DERIVE, FALSE_, 0, NULL },
	{ CKO_PRIVATE_KEY, "key", CKA_UNWRAP, FALSE_, 0, NULL },
	{ CKO_PRIVATE_KEY, "key", CKA_SENSITIVE, TRUE_, 0, NULL },
	{ CKO_PRIVATE_KEY, "key", CKA_EXTRACTABLE, FALSE_, 0, NULL },
	{ CKO_PRIVATE_KEY, "key", CKA_ALWAYS_SENSITIVE, TRUE_, 0, NULL },
	{ CKO_PRIVATE_KEY, "key", CKA_NEVER_EXTRACTABLE, TRUE_, 0, NULL },
	{ CKO_PRIVATE_KEY, "key", CKA_WRAP_WITH_TRUSTED, FALSE_, 0, NULL },
	/* its certificate may say that the signature is legally binding */
	{ CKO_PRIVATE_KEY, "key", CKA_ALWAYS_AUTHENTICATE, ABSENT, 0, NULL },
	{ CKO_PRIVATE_KEY, "key", CKA_LOCAL, FALSE_, 0, NULL },
	{ CKO_PRIVATE_KEY, "key", CKA_KEY_GEN_MECHANISM, NUMBER, CK_UNAVAILABLE_INFORMATION, NULL },
	{ CKO_PRIVATE_KEY, "key", CKA_START_DATE, TEXT_, 0, "" },
	{ CKO_PRIVATE_KEY, "key", CKA_END_DATE, TEXT_, 0, "" },
	{ CKO_PRIVATE_KEY, "key", CKA_PRIVATE_EXPONENT, HIDDEN, 0, NULL },
	{ CKO_PRIVATE_KEY, "key", CKA_PRIME_1, HIDDEN, 0, NULL },
	{ CKO_PRIVATE_KEY, "key", CKA_PRIME_2, HIDDEN, 0, NULL },
	{ CKO_PRIVATE_KEY, "key", CKA_EXPONENT_1, HIDDEN, 0, NULL },
	{ CKO_PRIVATE_KEY, "key", CKA_EXPONENT_2, HIDDEN, 0, NULL },
	{ CKO_PRIVATE_KEY, "key", CKA_COEFFICIENT, HIDDEN, 0, NULL },
	{ CKO_PRIVATE_KEY, "key", CKA_VALUE, ABSENT, 0, NULL },
	{ CKO_PRIVATE_KEY, "key", CKA_MODULUS_BITS, ABSENT, 0, NULL },
	COMMON(CKO_PRIVATE_KEY, "ec", TRUE_, FALSE_),
	{ CKO_PRIVATE_KEY, "ec", CKA_KEY_TYPE, NUMBER, CKK_EC, NULL },
	{ CKO_PRIVATE_KEY, "ec", CKA_SIGN, TRUE_, 0, NULL }, /* nonRepudiation signs too */
	{ CKO_PRIVATE_KEY, "ec", CKA_DERIVE, TRUE_, 0, NULL },
	{ CKO_PRIVATE_KEY, "ec", CKA_ALWAYS_AUTHENTICATE, TRUE_, 0, NULL },
	{ CKO_PRIVATE_KEY, "ec", CKA_LOCAL, TRUE_, 0, NULL },
	{ CKO_PRIVATE_KEY, "ec", CKA_KEY_GEN_MECHANISM, NUMBER, CKM_EC_KEY_PAIR_GEN, NULL },
	{ CKO_PRIVATE_KEY, "ec", CKA_ALWAYS_SENSITIVE, FALSE_, 0, NULL },
	{ CKO_PRIVATE_KEY, "ec", CKA_NEVER_EXTRACTABLE, FALSE_, 0, NULL },
	{ CKO_PRIVATE_KEY, "ec", CKA_VALUE, HIDDEN, 0, NULL },
	{ CKO_PRIVATE_KEY, "ec", CKA_PRIME_1, ABSENT, 0, NULL },
	COMMON(CKO_PUBLIC_KEY, "pub", FALSE_, TRUE_),
	{ CKO_PUBLIC_KEY, "pub", CKA_VERIFY, TRUE_, 0, NULL },
	{ CKO_PUBLIC_KEY, "pub", CKA_ENCRYPT, TRUE_, 0, NULL },
	{ CKO_PUBLIC_KEY, "pub", CKA_VERIFY_RECOVER, FALSE_, 0, NULL },
	{ CKO_PUBLIC_KEY, "pub", CKA_WRAP, FALSE_, 0, NULL },
	{ CKO_PUBLIC_KEY, "pub", CKA_TRUSTED, FALSE_, 0, NULL },
	{ CKO_PUBLIC_KEY, "pub", CKA_SENSITIVE, ABSENT, 0, NULL },
	/* made up for the key that has a certificate only: not ours to change or destroy */
	COMMON(CKO_PUBLIC_KEY, "ec", FALSE_, FALSE_),
	{ CKO_PUBLIC_KEY, "ec", CKA_ID, TEXT_, 0, "F" },
	{ CKO_PUBLIC_KEY, "ec", CKA_VERIFY, TRUE_, 0, NULL },
	{ CKO_PUBLIC_KEY, "ec", CKA_ENCRYPT, FALSE_, 0, NULL },
	COMMON(CKO_CERTIFICATE, "cert", FALSE_, TRUE_),
	{ CKO_CERTIFICATE, "cert", CKA_CERTIFICATE_TYPE, NUMBER, CKC_X_509, NULL },
	{ CKO_CERTIFICATE, "cert", CKA_CERTIFICATE_CATEGORY, NUMBER, 1, NULL },
	{ CKO_CERTIFICATE, "cert", CKA_TRUSTED, FALSE_, 0, NULL },
	{ CKO_CERTIFICATE, "ca", CKA_CERTIFICATE_CATEGORY, NUMBER, 2, NULL },
	{ CKO_CERTIFICATE, "ca", CKA_TRUSTED, TRUE_, 0, NULL },
	COMMON(CKO_DATA, "blob", FALSE_, FALSE_),
	{ CKO_DATA, "blob", CKA_APPLICATION, TEXT_, 0, "app" },
	{ CKO_DATA, "blob", CKA_OBJECT_ID, TEXT_, 0, "" },
	COMMON(CKO_DATA, "hidden", TRUE_, FALSE_),
#undef COMMON
};

START_TEST(each_attribute_is_as_the_field_wants_it)
{
	struct object_list l = built(everything, N(everything));

	for (size_t i = 0; i < N(expected); i++) {
		const struct expect *e = &expected[i];
		const struct attrs *a = of(&l, e->cls, e->label)->base;
		const struct attr *at = attrs_get(a, e->type);
		bool right = false;

		switch (e->is) {
		case FALSE_:
		case TRUE_:
			right = at && !at->hidden && at->value.len == 1 && at->value.p[0] == (e->is == TRUE_);
			break;
		case NUMBER:
			right = at && attrs_get_ulong(a, e->type, ~e->number) == e->number;
			break;
		case TEXT_:
			right = at && !at->hidden && view_eq(at->value, view_str(e->text));
			break;
		case HIDDEN:
			right = at && at->hidden;
			break;
		default:
			right = !at;
			break;
		}
		ck_assert_msg(right, "class %lu, %s: 0x%lX", e->cls, e->label, e->type);
	}
	object_list_free(&l);
}
END_TEST

START_TEST(one_object_per_record_and_the_public_keys_that_are_missing)
{
	struct object_list l = built(everything, N(everything));
	size_t pub = 0;

	for (size_t i = 0; i < l.n; i++)
		pub += l.p[i]->cls == CKO_PUBLIC_KEY;
	ck_assert_uint_eq(pub, 2);
	ck_assert_uint_eq(l.n, N(everything) - 2 + 1); /* no PIN, no secret key; one made up */
	ck_assert(of(&l, CKO_PUBLIC_KEY, "pub")->at.is);
	ck_assert(!of(&l, CKO_PUBLIC_KEY, "ec")->at.is);
	ck_assert(of(&l, CKO_PRIVATE_KEY, "ec")->at.user_consent);
	/* those that show parts of one certificate read it once */
	ck_assert_ptr_eq(of(&l, CKO_PUBLIC_KEY, "ec")->src, of(&l, CKO_CERTIFICATE, "ec cert")->src);
	ck_assert_ptr_eq(of(&l, CKO_PRIVATE_KEY, "key")->src, of(&l, CKO_CERTIFICATE, "cert")->src);
	object_list_free(&l);
}
END_TEST

START_TEST(no_public_key_is_made_up_without_a_certificate)
{
	struct p15_object *alone[] = { &ec_key }, *foreign[] = { &ec_key, &cert };
	struct p15_object nameless = ec_key, nameless_cert = ec_cert;
	struct p15_object *ids[] = { &nameless, &nameless_cert };
	struct object_list l = built(alone, 1);

	ck_assert_uint_eq(l.n, 1);
	/* the key itself is asked for its numbers, at the place its record names */
	ck_assert_int_eq(l.p[0]->src->kind, SOURCE_KEY);
	ck_assert_int_eq(l.p[0]->src->key.kind, KEY_EC);
	object_list_free(&l);
	l = built(foreign, 2);
	ck_assert_uint_eq(l.n, 2);
	object_list_free(&l);
	nameless.id.len = nameless_cert.id.len = 0; /* two without an id do not belong together */
	l = built(ids, 2);
	ck_assert_uint_eq(l.n, 2);
	object_list_free(&l);
}
END_TEST

START_TEST(the_profile_object_is_as_nss_looks_for_it)
{
	struct object *o = build_profile_object(1);

	ck_assert_ptr_nonnull(o);
	ck_assert_uint_eq(o->cls, CKO_PROFILE);
	ck_assert(o->token && !o->priv);
	ck_assert_uint_eq(o->pin, 1);
	ck_assert(attrs_get_bool(o->base, CKA_TOKEN, false));
	ck_assert_uint_eq(attrs_get_ulong(o->base, CKA_PROFILE_ID, 0), CKP_PUBLIC_CERTIFICATES_TOKEN);
	object_unref(&o);
}
END_TEST

/* Bodies. */
static void
give_body(struct object *o, const char *file)
{
	struct buf *body = calloc(1, sizeof *body);

	ck_assert_ptr_nonnull(body);
	*body = hex_file(file);
	ck_assert_ptr_nonnull(o->src);
	atomic_store(&o->src->body, body);
}

START_TEST(a_certificate_tells_what_is_in_it)
{
	struct p15_object *recs[] = { &rsa_key, &cert };
	struct buf der = hex_file(DATA_DIR "cert-rsa2048.hex");
	struct object_list l = built(recs, 2);
	struct object *c = of(&l, CKO_CERTIFICATE, "cert"), *k = of(&l, CKO_PRIVATE_KEY, "key"),
	    *p = of(&l, CKO_PUBLIC_KEY, "key");
	struct cert_fields f;

	ck_assert_int_eq(cert_decode(buf_peek(&der), &f), 0);
	give_body(c, DATA_DIR "cert-rsa2048.hex");
	for (size_t i = 0; i < l.n; i++)
		ck_assert_int_eq(build_complete(l.p[i]), 0);
	ck_assert(view_eq(attrs_get_view(object_attrs(c), CKA_VALUE), f.der));
	ck_assert(view_eq(attrs_get_view(object_attrs(c), CKA_SUBJECT), f.subject));
	ck_assert(view_eq(attrs_get_view(object_attrs(c), CKA_ISSUER), f.issuer));
	ck_assert(view_eq(attrs_get_view(object_attrs(c), CKA_SERIAL_NUMBER), f.serial));
	ck_assert(view_eq(attrs_get_view(object_attrs(c), CKA_START_DATE), view_of(f.start, 8)));
	ck_assert(view_eq(attrs_get_view(object_attrs(c), CKA_END_DATE), view_of(f.end, 8)));
	ck_assert(view_eq(attrs_get_view(object_attrs(c), CKA_PUBLIC_KEY_INFO), f.pub.spki));
	ck_assert_ptr_null(attrs_get(object_attrs(c), CKA_MODULUS));
	for (int i = 0; i < 2; i++) {
		struct object *o = i ? p : k;

		ck_assert(view_eq(attrs_get_view(object_attrs(o), CKA_MODULUS), f.pub.n));
		ck_assert(view_eq(attrs_get_view(object_attrs(o), CKA_PUBLIC_EXPONENT), f.pub.e));
		ck_assert(view_eq(attrs_get_view(object_attrs(o), CKA_SUBJECT), f.subject));
		ck_assert_ptr_null(attrs_get(object_attrs(o), CKA_ISSUER));
	}
	ck_assert_uint_eq(attrs_get_ulong(object_attrs(p), CKA_MODULUS_BITS, 0), 2048);
	ck_assert_ptr_null(attrs_get(object_attrs(k), CKA_MODULUS_BITS));
	ck_assert(attrs_get(object_attrs(k), CKA_PRIVATE_EXPONENT)->hidden);
	object_list_free(&l);
	buf_free(&der);
}
END_TEST

START_TEST(an_ec_point_stands_in_an_octet_string)
{
	struct p15_object *recs[] = { &ec_key, &ec_cert };
	struct object_list l = built(recs, 2);
	struct object *p = of(&l, CKO_PUBLIC_KEY, "ec");
	struct view point;

	give_body(p, DATA_DIR "cert-p256.hex");
	ck_assert_int_eq(build_complete(p), 0);
	point = attrs_get_view(object_attrs(p), CKA_EC_POINT);
	ck_assert_uint_eq(point.len, 67);
	ck_assert_view_hex(view_part(point, 0, 3), "044104");
	ck_assert_view_hex(attrs_get_view(object_attrs(p), CKA_EC_PARAMS), "06082A8648CE3D030107");
	object_list_free(&l);
}
END_TEST

START_TEST(a_ca_that_its_directory_does_not_call_one_is_one)
{
	struct p15_object *recs[] = { &cert };
	struct object_list l = built(recs, 1);

	give_body(l.p[0], DATA_DIR "cert-ca-p384.hex");
	ck_assert_int_eq(build_complete(l.p[0]), 0);
	ck_assert_uint_eq(attrs_get_ulong(object_attrs(l.p[0]), CKA_CERTIFICATE_CATEGORY, 0), 2);
	object_list_free(&l);
}
END_TEST

/* Everything that build_full adds was announced by object_is_lazy, else a search would miss it. */
START_TEST(what_a_body_adds_was_announced)
{
	static const char *const files[] = { "cert-rsa2048", "cert-p256", "cert-ca-p384", "cert-ed25519",
		"pkcs1-rsa2048", "spki-prime256v1", "spki-rsa2048", "spki-secp384r1", "spki-explicit",
		"spki-compressed" };
	struct p15_object *recs[] = { &rsa_key, &rsa_pub, &cert, &ec_key, &ec_cert };
	struct object_list l;
	char name[100];

	for (size_t i = 0; i < N(files); i++) {
		snprintf(name, sizeof name, DATA_DIR "%s.hex", files[i]);
		struct buf body = hex_file(name);

		l = built(recs, N(recs));
		for (size_t k = 0; k < l.n; k++)
			for (enum source_kind kind = SOURCE_CERT; kind <= SOURCE_PUBLIC; kind++) {
				struct attrs *full;

				if (l.p[k]->cls == CKO_CERTIFICATE && kind == SOURCE_PUBLIC)
					continue; /* a certificate is its own source */
				l.p[k]->src->kind = kind;
				ck_assert_ptr_nonnull(full = build_full(l.p[k], buf_peek(&body)));
				for (size_t a = 0; a < full->n; a++)
					ck_assert_msg(attrs_get(l.p[k]->base, full->a[a].type) ||
					    object_is_lazy(l.p[k]->cls, full->a[a].type), "%s: 0x%lX", name,
					    full->a[a].type);
				attrs_free(&full);
			}
		object_list_free(&l);
		buf_free(&body);
	}
}
END_TEST

static void
complete_damaged(struct view damaged, void *arg)
{
	struct object *o = arg;
	struct attrs *full = build_full(o, damaged);

	ck_assert_ptr_nonnull(full);
	/* whatever was read, nothing that was known before is lost */
	for (size_t i = 0; i < o->base->n; i++)
		ck_assert_ptr_nonnull(attrs_get(full, o->base->a[i].type));
	attrs_free(&full);
}

START_TEST(damaged_bodies_take_nothing_away)
{
	static const char *const files[] = { "cert-p256", "pkcs1-rsa2048", "spki-prime256v1" };
	struct p15_object *recs[] = { &cert, &rsa_pub };
	struct object_list l = built(recs, 2);
	char name[100];

	for (size_t i = 0; i < N(files); i++) {
		struct object *o = l.p[i != 0];
		struct buf body;
		struct mutate m = { .run = complete_damaged, .arg = o };

		o->src->kind = i ? SOURCE_PUBLIC : SOURCE_CERT;
		snprintf(name, sizeof name, DATA_DIR "%s.hex", files[i]);
		body = hex_file(name);
		m.good = buf_peek(&body);
		ck_assert_uint_gt(mutate(&m), 100);
		buf_free(&body);
	}
	object_list_free(&l);
}
END_TEST

static bool
build_all(void *arg)
{
	struct p15_objects recs = { everything, N(everything) };
	struct object_list out = { 0 };
	int err = build_objects(&recs, &slots, &out);

	(void)arg;
	object_list_free(&out);
	return nomem_failed ? err == E_MEM : err == 0;
}

/* Half a list would be taken for the whole card until it is taken out. */
START_TEST(want_of_memory_is_told_and_not_a_shorter_list)
{
	ck_assert_uint_gt(nomem(build_all, NULL), 30);
}
END_TEST

#define REC(k, name, auth, ident, ...) { .kind = k, .label = TEXT(name), .auth_id = { (auth) ? 1 : 0, { auth } }, \
	.id = { 1, { ident } }, __VA_ARGS__ }

/* Where each kind of record is shown; 2: nowhere. */
START_TEST(objects_are_in_the_slot_of_the_pin_that_guards_them)
{
	static struct p15_object recs[] = {
		REC(P15_PRIVATE, "login key", 1, 0x45, .usage = USAGE_SIGN),
		REC(P15_PRIVATE, "signature key", 2, 0x46, .usage = USAGE_NON_REPUDIATION),
		REC(P15_PRIVATE, "key of a third pin", 9, 0x47, .usage = USAGE_SIGN),
		REC(P15_PRIVATE, "key nobody guards", 0, 0x48, .usage = USAGE_SIGN),
		REC(P15_PUBLIC, "signature public key", 0, 0x46, .usage = USAGE_VERIFY),
		REC(P15_CERT, "login certificate", 0, 0x45, .flags = 0),
		REC(P15_CERT, "signature certificate", 0, 0x46, .flags = 0),
		REC(P15_CERT, "certificate of a third", 0, 0x47, .flags = 0),
		REC(P15_CERT, "ca", 0, 0x49, .trusted = true),
		REC(P15_DATA, "open data", 0, 0, .flags = 0),
		REC(P15_DATA, "pin2 data", 2, 0, .flags = P15_FLAG_PRIVATE),
		REC(P15_DATA, "data of a third", 9, 0, .flags = P15_FLAG_PRIVATE),
	};
	static const unsigned where[] = { 0, 1, 2, 0, 1, 0, 1, 0, 0, 0, 1, 2 };
	struct p15_object *p[N(recs)];
	struct p15_objects all = { p, N(recs) };

	for (size_t i = 0; i < N(recs); i++)
		p[i] = &recs[i];
	for (int hidden = 0; hidden < 2; hidden++) {
		struct build_slot s[] = { two[0], { two[1].auth_id, true, hidden } };
		struct build_slots both = { s, 2 };
		struct object_list l = { 0 };

		ck_assert_int_eq(build_objects(&all, &both, &l), 0);
		for (size_t i = 0; i < N(recs); i++) {
			struct object *o = NULL;

			for (size_t k = 0; k < l.n && !o; k++)
				if (view_eq(attrs_get_view(l.p[k]->base, CKA_LABEL), view_str(recs[i].label)) &&
				    (l.p[k]->cls == CKO_PUBLIC_KEY) == (recs[i].kind == P15_PUBLIC))
					o = l.p[k];
			if (where[i] == 2 || (hidden && where[i] == 1)) {
				ck_assert_msg(!o, "%s is shown", recs[i].label);
				continue;
			}
			ck_assert_msg(o && o->pin == where[i], "%s is in the wrong slot", recs[i].label);
		}
		object_list_free(&l);
	}
}
END_TEST

/* DESIGN 18.1: by directory, by consent, by the slot, by certificate. */
START_TEST(keys_say_whether_their_pin_is_wanted_each_time)
{
	static struct p15_object signs = REC(P15_PRIVATE, "k", 1, 0x45, .usage = USAGE_SIGN),
	    binds = REC(P15_PRIVATE, "k", 1, 0x45, .usage = USAGE_NON_REPUDIATION),
	    consents = REC(P15_PRIVATE, "k", 1, 0x45, .usage = USAGE_SIGN, .user_consent = 1);
	static const struct { struct p15_object *key; bool each, has_cert; int base; } cases[] = {
		{ &signs, false, false, 0 }, { &signs, false, true, -1 }, { &signs, true, true, 1 },
		{ &binds, false, true, 0 }, { &binds, true, true, 1 }, /* pin2EveryTime=0 */
		{ &consents, false, true, 1 }, { &consents, true, false, 1 },
	};

	ck_assert(!build_says_pin2(&signs) && build_says_pin2(&binds) && build_says_pin2(&consents));
	for (size_t i = 0; i < N(cases); i++) {
		struct p15_object *p[] = { cases[i].key, &cert };
		struct p15_objects recs = { p, cases[i].has_cert ? 2 : 1 };
		struct build_slot s = { { 1, { 0x01 } }, cases[i].each, false };
		struct build_slots one = { &s, 1 };
		struct object_list l = { 0 };
		const struct attr *a;

		ck_assert_int_eq(build_objects(&recs, &one, &l), 0);
		a = attrs_get(l.p[0]->base, CKA_ALWAYS_AUTHENTICATE);
		ck_assert_msg((a == NULL) == (cases[i].base < 0), "case %zu", i);
		ck_assert_msg(!a || attrs_get_bool(l.p[0]->base, CKA_ALWAYS_AUTHENTICATE, false) == (cases[i].base == 1),
		    "case %zu", i);
		ck_assert_msg(a || object_needs_body(l.p[0], CKA_ALWAYS_AUTHENTICATE), "case %zu", i);
		object_list_free(&l);
	}
}
END_TEST

UNIT_MAIN("build", objects_are_in_the_slot_of_the_pin_that_guards_them, keys_say_whether_their_pin_is_wanted_each_time, each_attribute_is_as_the_field_wants_it,
    one_object_per_record_and_the_public_keys_that_are_missing, no_public_key_is_made_up_without_a_certificate,
    the_profile_object_is_as_nss_looks_for_it, a_certificate_tells_what_is_in_it,
    an_ec_point_stands_in_an_octet_string, a_ca_that_its_directory_does_not_call_one_is_one,
    what_a_body_adds_was_announced, damaged_bodies_take_nothing_away,
    want_of_memory_is_told_and_not_a_shorter_list)
