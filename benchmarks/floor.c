/* The floor under every chat server: rooms, and one send a member and tick; nothing else.
 *
 * The first line of a connection names its room and is answered with "ok"; every later one goes to
 * all members of the room, the speaker included. The argument is a port of loopback. With a file
 * as another one, what was said in a tick is on the disk before anybody hears it: the floor under
 * every server that promises that nothing is lost. Linux.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { EVENTS = 1024, LINE = 2048 };

/* Written over and over: a file that grows costs the file system a second write a sync. */
enum { KEPT = 1 << 22 };

struct bytes {
    char *at;
    size_t size, room;
};

struct room {
    char name[64];
    int *members, count, space;
    struct bytes said; /* in this tick */
    int touched;
};

struct peer {
    struct room *room;
    int place;         /* in the room's list of members */
    struct bytes rest; /* a line that has not ended */
    struct bytes late; /* what the kernel did not take */
};

static struct room **rooms, **touched;
static int room_count, touched_count;
static struct peer **peers;
static int epoll;
static int lines = -1;
static off_t end_of_lines;

static void *must(void *found)
{
    if (!found) {
        perror("floor");
        exit(1);
    }
    return found;
}

static void append(struct bytes *to, const char *data, size_t size)
{
    if (to->size + size > to->room) {
        to->room = 2 * (to->size + size);
        to->at = must(realloc(to->at, to->room));
    }
    memcpy(to->at + to->size, data, size);
    to->size += size;
}

static void cut(struct bytes *from, size_t size)
{
    from->size -= size;
    if (from->size)
        memmove(from->at, from->at + size, from->size);
    else {
        free(from->at);
        *from = (struct bytes){0};
    }
}

static struct room *room_named(const char *name, size_t size)
{
    struct room *made;

    if (size >= sizeof made->name)
        size = sizeof made->name - 1;
    for (int i = 0; i < room_count; i++)
        if (strlen(rooms[i]->name) == size && !memcmp(rooms[i]->name, name, size))
            return rooms[i];
    made = must(calloc(1, sizeof *made));
    memcpy(made->name, name, size);
    rooms = must(realloc(rooms, (room_count + 1) * sizeof *rooms));
    touched = must(realloc(touched, (room_count + 1) * sizeof *touched));
    return rooms[room_count++] = made;
}

static void watch(int fd, int writable)
{
    struct epoll_event event = {EPOLLIN | (writable ? EPOLLOUT : 0), {.fd = fd}};
    epoll_ctl(epoll, EPOLL_CTL_MOD, fd, &event);
}

static void hang_up(int fd)
{
    struct peer *peer = peers[fd];

    if (peer->room) {
        struct room *room = peer->room;
        int last = room->members[--room->count];
        room->members[peer->place] = last;
        peers[last]->place = peer->place;
    }
    free(peer->rest.at);
    free(peer->late.at);
    free(peer);
    peers[fd] = NULL;
    close(fd);
}

/* Send what can be sent, keep the rest. A broken peer is noticed when it is read from. */
static void tell(int fd, const char *data, size_t size)
{
    struct peer *peer = peers[fd];
    ssize_t sent = 0;

    if (!peer->late.size) {
        sent = send(fd, data, size, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0)
            sent = 0;
    }
    if ((size_t)sent < size) {
        if (!peer->late.size)
            watch(fd, 1);
        append(&peer->late, data + sent, size - sent);
    }
}

static void go_on(int fd)
{
    struct peer *peer = peers[fd];
    ssize_t sent = send(fd, peer->late.at, peer->late.size, MSG_NOSIGNAL | MSG_DONTWAIT);

    if (sent > 0)
        cut(&peer->late, sent);
    if (!peer->late.size)
        watch(fd, 0);
}

static void join(int fd, const char *name, size_t size)
{
    struct room *room = room_named(name, size);

    if (room->count == room->space) {
        room->space = room->space ? 2 * room->space : 8;
        room->members = must(realloc(room->members, room->space * sizeof *room->members));
    }
    peers[fd]->room = room;
    peers[fd]->place = room->count;
    room->members[room->count++] = fd;
    tell(fd, "ok\n", 3);
}

static void say(struct room *room, const char *line, size_t size)
{
    if (!room->touched) {
        room->touched = 1;
        touched[touched_count++] = room;
    }
    append(&room->said, line, size);
}

/* Take whole lines out of the bytes; how many bytes they were. */
static size_t take(int fd, const char *data, size_t size)
{
    const char *end, *start = data;

    while ((end = memchr(start, '\n', size - (start - data)))) {
        if (peers[fd]->room)
            say(peers[fd]->room, start, end + 1 - start);
        else
            join(fd, start, end - start);
        start = end + 1;
    }
    return start - data;
}

static void hear(int fd)
{
    static char data[65536];
    struct bytes *rest = &peers[fd]->rest;
    ssize_t size = recv(fd, data, sizeof data, MSG_DONTWAIT);

    if (size < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (size <= 0 || rest->size > LINE) {
        hang_up(fd);
    } else if (rest->size) {
        append(rest, data, size);
        cut(rest, take(fd, rest->at, rest->size));
    } else {
        size_t taken = take(fd, data, size);
        if (taken < (size_t)size)
            append(rest, data + taken, size - taken);
    }
}

static void accept_all(int listener)
{
    int fd, on = 1;

    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        struct epoll_event event = {EPOLLIN, {.fd = fd}};
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        peers[fd] = must(calloc(1, sizeof *peers[fd]));
        epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
    }
}

static void fail_unless(int done)
{
    if (!done) {
        perror("floor");
        exit(1);
    }
}

static void keep_lines_in(const char *path)
{
    static char empty[1 << 16];

    fail_unless((lines = open(path, O_RDWR | O_CREAT, 0600)) >= 0);
    for (off_t at = 0; at < KEPT; at += sizeof empty)
        fail_unless(pwrite(lines, empty, sizeof empty, at) == sizeof empty);
    fail_unless(!fdatasync(lines));
}

static void keep_what_was_said(void)
{
    for (int i = 0; i < touched_count; i++) {
        struct bytes *said = &touched[i]->said;
        if (end_of_lines + (off_t)said->size > KEPT)
            end_of_lines = 0;
        fail_unless(pwrite(lines, said->at, said->size, end_of_lines) == (ssize_t)said->size);
        end_of_lines += said->size;
    }
    if (touched_count)
        fail_unless(!fdatasync(lines));
}

static void flush(void)
{
    if (lines >= 0)
        keep_what_was_said();
    for (int i = 0; i < touched_count; i++) {
        struct room *room = touched[i];
        for (int n = 0; n < room->count; n++)
            tell(room->members[n], room->said.at, room->said.size);
        room->said.size = 0;
        room->touched = 0;
    }
    touched_count = 0;
}

int main(int argc, char **argv)
{
    static struct epoll_event events[EVENTS];
    struct sockaddr_in address = {.sin_family = AF_INET};
    struct rlimit files;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    struct epoll_event first = {EPOLLIN, {.fd = listener}};

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(argc > 1 ? atoi(argv[1]) : 0);
    if (argc > 2)
        keep_lines_in(argv[2]);
    getrlimit(RLIMIT_NOFILE, &files);
    peers = must(calloc(files.rlim_cur, sizeof *peers));
    epoll = epoll_create1(0);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 1024) ||
        epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &first)) {
        perror("floor");
        return 1;
    }
    for (;;) {
        int count = epoll_wait(epoll, events, EVENTS, -1);
        for (int i = 0; i < count; i++) {
            int fd = events[i].data.fd;
            if (fd == listener) {
                accept_all(listener);
                continue;
            }
            if (events[i].events & EPOLLOUT)
                go_on(fd);
            if (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR))
                hear(fd);
        }
        flush();
    }
}
