/* The load generator's inner loop: read from whoever has something, count the line feeds.
 *
 * In C so that the generator is never what a measurement measures; without a compiler the loop in
 * crowd.py does the same. Linux.
 */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

enum { EVENTS = 1024 };

/* Serve one epoll_wait; the line feeds that arrived. Ended connections are taken off. */
long pump(int epoll, int timeout_ms, long *ended)
{
    static struct epoll_event events[EVENTS];
    static char data[1 << 18];
    long feeds = 0;
    int count = epoll_wait(epoll, events, EVENTS, timeout_ms);

    for (int i = 0; i < count; i++) {
        int fd = events[i].data.fd;
        ssize_t size = recv(fd, data, sizeof data, MSG_DONTWAIT);
        const char *at = data, *end = data + size;

        if (size < 0 && (errno == EAGAIN || errno == EINTR))
            continue;
        if (size <= 0) {
            epoll_ctl(epoll, EPOLL_CTL_DEL, fd, NULL);
            ++*ended;
            continue;
        }
        while ((at = memchr(at, '\n', end - at))) {
            feeds++;
            at++;
        }
    }
    return feeds;
}
