#include "token/profiles.h"

#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "base/os.h"

#define USER_RANK 1000 /* added to the ranks of a user's own rules: they never come first */

enum whose { OF_SYSTEM, OF_USER };

/* Takes p into the set. The system may put another in a shipped one's place; a user may add. */
static int
add(struct profile_set *set, struct profile **p, enum whose whose, const char *path)
{
	int err;

	if (whose == OF_SYSTEM)
		return profile_set_replace(set, p);
	for (size_t i = 0; i < (*p)->nmatch; i++)
		(*p)->match[i].rank += USER_RANK;
	if ((*p)->fallback) {
		log_warn("%s: left out: only the system's folder may hold a fallback", path);
		return 0;
	}
	if ((err = profile_set_take(set, p)) == E_EXISTS) {
		log_warn("%s: left out: there is a profile \"%s\" already; give it another name", path,
		    (*p)->name);
		err = 0;
	}
	return err;
}

static int
load_file(struct profile_set *set, const char *path, enum whose whose)
{
	struct buf text = BUF_INIT, why = BUF_INIT;
	struct profile *p = NULL;
	enum os_trust trust = os_file_read(path, PROFILE_FILE_MAX, false, &text);
	int err = 0;

	if (trust != OS_TRUST_OK) {
		log_warn("%s: left out: %s", path, os_trust_text(trust));
		goto out;
	}
	if ((err = profile_parse(buf_peek(&text), path, &p, &why)))
		log_warn("%s", why.len ? buf_text(&why) : err_text(err));
	else if ((err = add(set, &p, whose, path)) == 0)
		log_info("%s: read", path);
out:
	profile_free(&p);
	buf_free(&text);
	buf_free(&why);
	return err == E_MEM ? err : 0;
}

static int
load_folder(struct profile_set *set, const char *folder, enum whose whose)
{
	struct buf names = BUF_INIT, path = BUF_INIT;
	const char *name;
	int err;

	if ((err = os_dir_list(folder, ".yaml", &names)) && err != E_MEM) {
		log_warn("%s: %s", folder, err_text(err));
		err = 0;
	}
	for (size_t at = 0; !err && at < names.len; at += strlen(name) + 1) {
		name = (const char *)names.p + at;
		buf_reset(&path);
		buf_fmt(&path, "%s/%s", folder, name);
		err = path.bad ? E_MEM : load_file(set, buf_text(&path), whose);
	}
	buf_free(&names);
	buf_free(&path);
	return err;
}

int
profiles_load(const char *system, const char *user, struct profile_set *out)
{
	struct buf why = BUF_INIT, own = BUF_INIT;
	int err;

	if ((err = profile_set_builtin(out, &why)))
		log_error("built-in profiles: %s", why.len ? buf_text(&why) : err_text(err));
	if (!system)
		system = SYSCONFDIR "/castor/profiles";
	if (!user)
		user = os_user_config("profiles", &own) == 0 ? buf_text(&own) : "";
	if (!err && *system)
		err = load_folder(out, system, OF_SYSTEM);
	if (!err && *user)
		err = load_folder(out, user, OF_USER);
	if (err)
		profile_set_free(out);
	buf_free(&why);
	buf_free(&own);
	return err;
}
