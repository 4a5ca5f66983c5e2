/* Files that are not to stay when a signal ends castor: parts of files, sockets. */
#ifndef CASTOR_BRIDGES_CASTOR_CLEANUP_H
#define CASTOR_BRIDGES_CASTOR_CLEANUP_H

/* Takes the file (or empty folder) away when SIGINT, SIGTERM or SIGHUP comes, which then end the program as
 * they would have; files before folders. Nothing for a path that is too long to keep, or one too many. */
void cleanup_add(const char *path);
/* The file is as it shall be, or gone. */
void cleanup_drop(const char *path);

#endif
