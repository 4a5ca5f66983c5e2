/* Readers that are plugged in, as the kernel sees them. */
#include <stdio.h>
#include <string.h>

#include "base/os.h"
#include "bridges/castor/doctor/doctor.h"

#define USB "/sys/bus/usb/devices"
#define CLASS_READER "0b" /* bInterfaceClass: smart card. Source: USB-IF class codes */

/* "Maker Product" of the device that an interface, "1-2:1.0", belongs to. */
static void
device_name(const struct doctor_env *env, const char *interface, struct buf *out)
{
	static const char *const files[] = { "manufacturer", "product" };
	struct buf path = BUF_INIT, value = BUF_INIT;

	for (int i = 0; i < 2; i++) {
		buf_reset(&path);
		buf_reset(&value);
		buf_fmt(&path, "%s" USB "/%.*s/%s", env->root, (int)strcspn(interface, ":"), interface, files[i]);
		file_slurp(buf_text(&path), 256, &value);
		if (out->len && value.len)
			buf_u8(out, ' ');
		buf_view(out, view_trim(buf_peek(&value)));
	}
	if (!out->len)
		buf_str(out, interface);
	buf_free(&path);
	buf_free(&value);
}

/* The first reader among the interfaces. */
static bool
find_reader(const struct doctor_env *env, struct buf *name)
{
	struct buf folder = BUF_INIT, names = BUF_INIT, path = BUF_INIT, class = BUF_INIT;
	const char *at = NULL;
	bool is = false;

	env_path(env, USB, &folder);
	dir_names(buf_text(&folder), &names);
	while (!is && (at = names_next(&names, at))) {
		if (!strchr(at, ':'))
			continue;
		buf_reset(&path);
		buf_reset(&class);
		buf_fmt(&path, "%s/%s/bInterfaceClass", buf_text(&folder), at);
		is = !file_slurp(buf_text(&path), 16, &class) && view_is(view_trim(buf_peek(&class)), CLASS_READER);
	}
	if (is)
		device_name(env, at, name);
	buf_free(&folder);
	buf_free(&names);
	buf_free(&path);
	buf_free(&class);
	return is;
}

static bool
has_driver(const struct doctor_env *env)
{
	static const char *const bundles[] = {
		"/usr/lib/pcsc/drivers/ifd-ccid.bundle", "/usr/lib64/pcsc/drivers/ifd-ccid.bundle",
		"/usr/lib/x86_64-linux-gnu/pcsc/drivers/ifd-ccid.bundle",
		"/usr/lib/readers/usb/ifd-ccid.bundle", "/usr/lib64/readers/usb/ifd-ccid.bundle",
	};

	for (size_t i = 0; i < sizeof bundles / sizeof bundles[0]; i++)
		if (env_exists(env, bundles[i]))
			return true;
	return false;
}

/* The module saw none: is that so? */
void
check_reader(struct doctor *d)
{
	struct buf name = BUF_INIT, command = BUF_INIT;

	if (d->no_reader && find_reader(d->env, &name)) {
		found_forget(d, FOUND_READER_NONE);
		install_command(d, "libccid", &command);
		if (has_driver(d->env))
			found(d, FOUND_READER_UNSEEN, buf_text(&name), NULL, NULL);
		else
			found(d, FOUND_READER_DRIVER, buf_text(&name), buf_text(&command), NULL);
	}
	buf_free(&name);
	buf_free(&command);
}
