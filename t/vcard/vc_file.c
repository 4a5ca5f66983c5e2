/* The tree of files: what is where, and what is current. */
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "t/vcard/vc_card.h"

#define MF 0x3F00
#define DF_SIZE 0x7FFF          /* every DF says so */

bool vc_file_is_key(const struct vc_file *f)
{
	return f->type != VC_EF && f->type != VC_DF;
}

bool vc_file_has_key(const struct vc_file *f)
{
	return f->key != NULL || (vc_file_is_key(f) && f->data != NULL);
}

bool vc_file_below(const struct vc_file *f, const struct vc_file *top)
{
	for (; f != NULL; f = f->parent)
		if (f == top)
			return true;
	return false;
}

struct vc_file *vc_file_child(const struct vc_card *c, const struct vc_file *df, uint16_t fid)
{
	struct vc_file *f;

	for (f = c->files; f != NULL; f = f->next)
		if (f->parent == df && f->fid == fid)
			return f;
	return NULL;
}

struct vc_file *vc_file_path(
	const struct vc_card *c, struct vc_file *from, const uint8_t *path, size_t len)
{
	if (len % 2 != 0)
		return NULL;
	for (; from != NULL && len != 0; path += 2, len -= 2)
		from = vc_file_child(c, from, (uint16_t)(path[0] << 8 | path[1]));
	return from;
}

struct vc_file *vc_file_named(const struct vc_card *c, const uint8_t *name, size_t len)
{
	struct vc_file *f;

	for (f = c->files; f != NULL; f = f->next)
		if (f->name_len != 0 && f->name_len == len && memcmp(f->name, name, len) == 0)
			return f;
	return NULL;
}

struct vc_file *vc_file_by_fid(const struct vc_card *c, uint16_t fid)
{
	struct vc_file *f = vc_file_child(c, c->df, fid);

	if (fid == MF)
		return c->files;
	if (f == NULL && c->df->fid == fid)
		f = c->df;
	if (f == NULL && c->df->parent != NULL && c->df->parent->fid == fid)
		f = c->df->parent;
	if (f == NULL && c->df->parent != NULL) {
		f = vc_file_child(c, c->df->parent, fid);
		if (f != NULL && f->type != VC_DF)
			f = NULL;
	}
	return f;
}

void vc_file_select(struct vc_card *c, struct vc_file *f)
{
	c->df = f->type == VC_DF ? f : f->parent;
	c->ef = f->type == VC_DF ? NULL : f;
}

struct vc_file *vc_file_key(const struct vc_card *c, const struct vc_file *df, unsigned ref)
{
	struct vc_file *f;

	for (f = c->files; f != NULL; f = f->next)
		if (vc_file_is_key(f) && f->ref == ref && (df == NULL || f->parent == df))
			return f;
	return NULL;
}

bool vc_file_may_read(const struct vc_card *c, const struct vc_file *f, bool sm)
{
	switch (f->read) {
	case VC_ALWAYS:
		return true;
	case VC_NEVER:
		return false;
	case VC_SM:
		return sm || c->secured;
	default:
		return f->read < VC_PINS && c->pin[f->read].verified;
	}
}

static void file_free(struct vc_card *c, struct vc_file *f)
{
	if (c->ef == f)
		c->ef = NULL;
	if (c->se.key == f || c->se.target == f)
		memset(&c->se, 0, sizeof c->se);
	if (c->model->file_gone != NULL)
		c->model->file_gone(c, f);
	EVP_PKEY_free(f->key);
	if (f->data != NULL)
		OPENSSL_cleanse(f->data, vc_file_is_key(f) ? vc_key_bytes(f) : f->size);
	free(f->data);
	free(f->own);
	free(f);
}

struct vc_file *vc_file_add(
	struct vc_card *c, struct vc_file *parent, uint16_t fid, uint8_t type, size_t size)
{
	struct vc_file *f = calloc(1, sizeof *f), **end;

	if (f == NULL)
		return NULL;
	f->parent = parent;
	f->fid = fid;
	f->type = type;
	f->size = type == VC_DF ? DF_SIZE : size;
	if (c->model->file_size != 0)
		f->own = calloc(1, c->model->file_size);
	if (type == VC_EF && size != 0)
		f->data = malloc(size);
	if ((c->model->file_size != 0 && f->own == NULL) ||
	    (type == VC_EF && size != 0 && f->data == NULL)) {
		free(f->own);
		free(f->data);
		free(f);
		return NULL;
	}
	if (f->data != NULL)
		memset(f->data, 0xFF, size);
	for (end = &c->files; *end != NULL; end = &(*end)->next)
		;
	*end = f;
	return f;
}

void vc_file_remove(struct vc_card *c, struct vc_file *f)
{
	struct vc_file *dead = NULL, **at, *next;
	struct vc_file *parent = f->parent;

	if (vc_file_below(c->df, f))
		c->df = parent;
	/* Unlinked first and freed after: the walk upwards needs every parent alive. */
	for (at = &c->files; *at != NULL;) {
		if (!vc_file_below(*at, f)) {
			at = &(*at)->next;
			continue;
		}
		next = (*at)->next;
		(*at)->next = dead;
		dead = *at;
		*at = next;
	}
	for (; dead != NULL; dead = next) {
		next = dead->next;
		file_free(c, dead);
	}
}

void vc_files_clear(struct vc_card *c)
{
	while (c->files != NULL)
		vc_file_remove(c, c->files);
	c->df = NULL;
}
