/* The load generator's inner loop: read from whoever has something, count the line feeds.
 *
 * In C so that the generator is never what a measurement measures; without a compiler the loop in
 * crowd.py does the same. Linux.
 */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>

enum { EVENTS = 1024 };

/* Read once from everybody who has something, within so many naps of so many nanoseconds; the line
 * feeds that arrived. Ended connections are taken off.
 *
 * Napping, because a sleeper in epoll_wait is woken at the expense of the server that sends to it,
 * which nobody on another machine would be.
 */
long pump(int epoll, long naps, long nanoseconds, long *ended)
{
    static struct epoll_event events[EVENTS];
    static char data[1 << 18];
    struct timespec nap = {0, nanoseconds};
    long feeds = 0;
    int count;

    while (!(count = epoll_wait(epoll, events, EVENTS, 0)) && naps-- > 0)
        nanosleep(&nap, NULL);
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
