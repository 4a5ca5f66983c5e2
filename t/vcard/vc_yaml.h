/* Reading an image's YAML: values by name, every error with its line. */
#ifndef CASTOR_T_VC_YAML_H
#define CASTOR_T_VC_YAML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <yaml.h>

struct vc_yaml {
	const char *path;
	char *err;
	size_t errlen;
	bool failed;                    /* err is written; the first error stays */
	yaml_document_t doc;
	yaml_node_t *root;
	struct vc_yaml *base;           /* the image that this one extends, or NULL */
	struct vc_yaml *heir;           /* the image that extends this one, or NULL */
};

/* Reads a file; false with an error set. vcy_close it, also on failure. */
bool vcy_open(struct vc_yaml *y, const char *path, char *err, size_t errlen);
void vcy_close(struct vc_yaml *y);
/* "FILE:LINE: what", once; `at` NULL is line 1. The heir fails with its base. */
__attribute__((format(printf, 3, 4)))
void vcy_fail(struct vc_yaml *y, const yaml_node_t *at, const char *fmt, ...);
/* A mapping with no keys but those of the lists " like these " (`more` may be NULL), none twice. */
bool vcy_is_map(struct vc_yaml *y, yaml_node_t *map, const char *keys, const char *more);
/* The value of a key, or NULL; at the root also that of the base. */
yaml_node_t *vcy_get(struct vc_yaml *y, yaml_node_t *map, const char *name);
/* A scalar's text, or NULL. */
const char *vcy_scalar(const yaml_node_t *n);
/* A scalar's text, or NULL when absent; an error when it is something else. */
const char *vcy_text(struct vc_yaml *y, yaml_node_t *map, const char *name);
/* A number in C's notation, min..max; `absent` when it is not there. */
long vcy_number(struct vc_yaml *y, yaml_node_t *map, const char *name, long absent, long min, long max);
bool vcy_boolean(struct vc_yaml *y, yaml_node_t *map, const char *name, bool absent);
/* Hex of min..max bytes; returns the length, 0 when absent or wrong. */
size_t vcy_hex(struct vc_yaml *y, yaml_node_t *map, const char *name, uint8_t *out, size_t min, size_t max);
/* The place of a word in a list of words, or -1. */
int vcy_word(const char *words, const char *word);
/* A list of words as OpenSSL's BITLIST "1,4"; NULL when absent or empty. */
const char *vcy_bits(
	struct vc_yaml *y, yaml_node_t *map, const char *name, const char *words, char out[64]);
/* Calls `item` for each of a list at the root, its own or its base's; an error when it is no list. */
void vcy_each(struct vc_yaml *y, const char *name,
	void (*item)(struct vc_yaml *, yaml_node_t *, void *arg), void *arg);
/* The whole of a file named beside the image, at most 256 KiB; NULL with an error set. Free it. */
uint8_t *vcy_slurp(struct vc_yaml *y, const yaml_node_t *at, const char *name, size_t *len);
/* A name beside the image; free it. NULL: no memory. */
char *vcy_beside(const struct vc_yaml *y, const char *name);

/* vc_content.c: the bytes that `content` of an EF describes; free *p. False with an error set. */
bool vc_content(struct vc_yaml *y, yaml_node_t *map, uint8_t **p, size_t *len);

#endif
