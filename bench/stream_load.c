/* Both ends of many open streams: the provider that sends frames at a pace, and the callers that check every one. One thread, epoll.
 *
 * stream_load [FRAMES_PER_SECOND]   prints `listening on PORT`: the provider, until its input ends
 * a line `PORT STREAMS FRAMES EXACT REQUEST_FILE`
 *                                   opens STREAMS streams at PORT (one of its own makes a direct run), reads them to their ends, and prints
 *                                   `open` when every stream has had a frame, `closing` when the first one ends, and a line of JSON
 *
 * REQUEST_FILE is the whole request, in which `######` becomes the number of the stream and `$$$$$$` that of its frames.
 *
 * A frame carries its stream, its number and the instant it was sent. The caller writes the same frame again and compares all bytes, so
 * nothing that was lost, doubled, swapped, given to another caller or changed can pass. EXACT 0 is for a gateway that writes frames anew: of
 * its frames only the content is compared. Late is the time from the send to the caller's read. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { FDS_MAX = 16384, BUFFER_BYTES = 32768, EVENTS_MAX = 512, OPENED_PER_MS = 1, PATIENCE_SECONDS = 60 };
enum kind { FREE, PROVIDER, CALLER };

typedef struct {
  enum kind kind;
  int stream, left, number; /* frames still to send; frames sent or received */
  int64_t due;
  size_t got, payload, body; /* bytes in `bytes`; those of `payload` at its start that are decoded; of the chunk still to come */
  int asked, in_body, done, finish, whole;
  char bytes[BUFFER_BYTES];
} connection;

static connection *connections[FDS_MAX];
static int queue[FDS_MAX]; /* the streams that send, in the order of their due times: all have one period */
static unsigned queue_head, queue_tail;
static int poll_fd, streams, frames_each, ended, firsts, broken, exact;
static int64_t period_ns, lag_max;
static uint32_t *late_us;
static size_t late_count, late_room;
static char why[512], request[32768], *stream_place;
static size_t request_bytes;

static const char FRAME[] =
    "data: {\"id\":\"chatcmpl-9aBcDeFgHiJkLmNoPqRs\",\"object\":\"chat.completion.chunk\",\"created\":1732300000,"
    "\"model\":\"gpt-4o-2024-08-06\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"%05d %07d %020lld \"},\"logprobs\":null,"
    "\"finish_reason\":null}]}\n\n";
static const char LAST[] =
    "data: {\"id\":\"chatcmpl-9aBcDeFgHiJkLmNoPqRs\",\"object\":\"chat.completion.chunk\",\"created\":1732300000,"
    "\"model\":\"gpt-4o-2024-08-06\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n"
    "data: {\"id\":\"chatcmpl-9aBcDeFgHiJkLmNoPqRs\",\"object\":\"chat.completion.chunk\",\"created\":1732300000,"
    "\"model\":\"gpt-4o-2024-08-06\",\"choices\":[],\"usage\":{\"prompt_tokens\":187,\"completion_tokens\":40,"
    "\"total_tokens\":227}}\n\ndata: [DONE]\n\n";

static int64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void fail(const connection *c, const char *what) {
  if (!broken++) snprintf(why, sizeof why, "stream %d, frame %d: %.300s", c->stream, c->number, what);
}

static void drop(int fd) {
  free(connections[fd]);
  connections[fd] = NULL;
  close(fd);
}

static void add(int fd, enum kind kind) {
  int yes = 1;
  if (fd < 0 || fd >= FDS_MAX || (connections[fd] = calloc(1, sizeof(connection))) == NULL) {
    perror("stream_load: no place for a connection");
    exit(1);
  }
  connections[fd]->kind = kind;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
  epoll_ctl(poll_fd, EPOLL_CTL_ADD, fd, &event);
}

/* A stream whose caller does not read is ended: the callers see it as broken. */
static int put(int fd, const char *bytes, size_t length) {
  if (send(fd, bytes, length, MSG_NOSIGNAL) == (ssize_t)length) return 1;
  drop(fd);
  return 0;
}

/* The provider's side. */

static void begin(int fd, connection *c) {
  static const char head[] = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nTransfer-Encoding: chunked\r\n\r\n";
  c->bytes[c->got] = 0;
  const char *end = strstr(c->bytes, "\r\n\r\n"), *length = strcasestr(c->bytes, "\r\ncontent-length:"), *asked;
  if (end == NULL || length == NULL || c->got < (size_t)(end + 4 - c->bytes) + strtoul(length + 17, NULL, 10)) return;
  if ((asked = strstr(end, "stream ")) == NULL || sscanf(asked, "stream %d of %d frames", &c->stream, &c->left) != 2) {
    drop(fd);
    return;
  }
  c->got = 0;
  c->number = 0;
  if (!put(fd, head, sizeof head - 1)) return;
  c->due = now_ns() + period_ns;
  queue[queue_tail++ % FDS_MAX] = fd;
}

static void send_due(int64_t now) {
  char frame[1024], out[2048];
  while (queue_head != queue_tail) {
    int fd = queue[queue_head % FDS_MAX];
    connection *c = connections[fd];
    if (c != NULL && c->due > now) return;
    queue_head++;
    if (c == NULL || c->kind != PROVIDER) continue;
    if (c->left == 0) {
      int length = snprintf(out, sizeof out, "%zx\r\n%s\r\n0\r\n\r\n", sizeof LAST - 1, LAST);
      put(fd, out, (size_t)length);
      continue;
    }
    int64_t sent = now_ns();
    if (sent - c->due > lag_max) lag_max = sent - c->due;
    int size = snprintf(frame, sizeof frame, FRAME, c->stream, c->number, (long long)sent);
    int length = snprintf(out, sizeof out, "%x\r\n%s\r\n", (unsigned)size, frame);
    c->left--;
    c->number++;
    c->due += period_ns;
    if (put(fd, out, (size_t)length)) queue[queue_tail++ % FDS_MAX] = fd;
  }
}

/* The callers' side. */

static void open_one(int at, int stream) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)at), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  /* Whether it is let in shows later: nobody waits for it meanwhile. */
  connect(fd, (struct sockaddr *)&address, sizeof address);
  add(fd, CALLER);
  connections[fd]->stream = stream;
  struct epoll_event event = {.events = EPOLLIN | EPOLLOUT, .data.fd = fd};
  epoll_ctl(poll_fd, EPOLL_CTL_MOD, fd, &event);
}

static void ask(int fd, connection *c) {
  char number[24];
  struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
  epoll_ctl(poll_fd, EPOLL_CTL_MOD, fd, &event);
  c->asked = 1;
  snprintf(number, sizeof number, "%06d", c->stream);
  memcpy(stream_place, number, 6);
  put(fd, request, request_bytes);
}

static void check_event(connection *c, const char *event, size_t length, int64_t now) {
  char expected[1024];
  const char *content = memmem(event, length, "\"content\":", 10);
  if (content != NULL) content += content[10] == ' ' ? 12 : 11; /* past the quote */
  if (event[0] == ':') return; /* a comment: what the gateway has to say */
  if (length >= 12 && memcmp(event, "data: [DONE]", 12) == 0) {
    c->done = (c->finish || !exact) && c->number == frames_each;
    if (!c->done) fail(c, "the terminal marker came early");
  } else if (content != NULL && content + 14 + 20 < event + length && content[5] == ' ' && content[13] == ' ') {
    long long sent = strtoll(content + 14, NULL, 10);
    if (exact) {
      int size = snprintf(expected, sizeof expected, FRAME, c->stream, c->number, sent);
      if (size != (int)length || memcmp(event, expected, length) != 0) fail(c, "another frame was due");
    } else if (atoi(content) != c->stream || atoi(content + 6) != c->number)
      fail(c, "another frame was due");
    if (c->number++ == 0 && ++firsts == streams) puts("open");
    if (late_count < late_room) late_us[late_count++] = (uint32_t)((now - sent) / 1000);
  } else if (memmem(event, length, "\"finish_reason\":\"stop\"", 22) != NULL) {
    c->finish = 1;
  } else if (exact && memmem(event, length, "\"choices\":[],\"usage\":", 21) == NULL) {
    fail(c, "an event that nobody sent");
  }
}

/* Takes the chunks apart in place; the events that they hold are looked at once they are whole. */
static void read_chunks(connection *c, int64_t now) {
  size_t at = c->payload;
  while (at < c->got) {
    if (c->body > 0) {
      size_t part = c->got - at < c->body ? c->got - at : c->body;
      memmove(c->bytes + c->payload, c->bytes + at, part);
      c->payload += part;
      at += part;
      if ((c->body -= part) > 0) break;
      continue;
    }
    size_t skip = c->in_body == 2 ? 2 : 0; /* the line end after a chunk */
    char *line = memmem(c->bytes + at, c->got - at, "\n", 1);
    if (skip && line != NULL) line = memmem(line + 1, (size_t)(c->bytes + c->got - line - 1), "\n", 1);
    if (line == NULL) {
      if (skip && c->got - at >= 7 && memcmp(c->bytes + at, "\r\n0\r\n\r\n", 7) == 0) c->whole = 1;
      break;
    }
    c->body = strtoul(c->bytes + at + skip, NULL, 16);
    c->in_body = 2;
    if (c->body == 0) {
      c->whole = 1;
      at = c->got;
      break;
    }
    at = (size_t)(line + 1 - c->bytes);
  }
  memmove(c->bytes + c->payload, c->bytes + at, c->got - at);
  c->got -= at - c->payload;
  size_t begin = 0;
  char *end;
  while ((end = memmem(c->bytes + begin, c->payload - begin, "\n\n", 2)) != NULL) {
    size_t length = (size_t)(end + 2 - c->bytes) - begin;
    check_event(c, c->bytes + begin, length, now);
    begin += length;
  }
  memmove(c->bytes, c->bytes + begin, c->got - begin);
  c->got -= begin;
  c->payload -= begin;
}

static void read_answer(int fd, connection *c, int64_t now) {
  if (!c->in_body) {
    char *end = memmem(c->bytes, c->got, "\r\n\r\n", 4);
    if (end == NULL) return;
    if (strncmp(c->bytes, "HTTP/1.1 200", 12) != 0) {
      c->bytes[c->got < 300 ? c->got : 300] = 0;
      fail(c, c->bytes);
      ended++;
      drop(fd);
      return;
    }
    c->in_body = 1;
    c->got -= (size_t)(end + 4 - c->bytes);
    memmove(c->bytes, end + 4, c->got);
  }
  read_chunks(c, now);
  if (!c->whole) return;
  if (!c->done) fail(c, "it ended without its terminal marker");
  if (ended++ == 0) puts("closing");
  drop(fd);
}

static void read_from(int fd) {
  connection *c = connections[fd];
  ssize_t count = recv(fd, c->bytes + c->got, BUFFER_BYTES - 1 - c->got, MSG_DONTWAIT);
  if (count < 0 && errno == EAGAIN) return;
  if (count <= 0) {
    if (c->kind == CALLER) {
      fail(c, "the connection was closed");
      ended++;
    }
    drop(fd);
    return;
  }
  c->got += (size_t)count;
  if (c->kind == PROVIDER)
    begin(fd, c);
  else
    read_answer(fd, c, now_ns());
}

static int by_size(const void *a, const void *b) {
  uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
  return (x > y) - (x < y);
}

static void tell(int64_t began) {
  size_t n = late_count, late = 0;
  qsort(late_us, n, sizeof *late_us, by_size);
  while (late < n && late_us[n - 1 - late] > 100000) late++;
  for (char *at = why; *at; at++)
    if (*at < ' ' || *at == '"' || *at == '\\') *at = '\'';
  printf("{\"frames\": %zu, \"expected\": %zu, \"broken\": %d, \"why\": \"%s\", \"seconds\": %.3f, \"late\": %zu, \"p50_us\": %u, \"p99_us\": %u, "
         "\"p999_us\": %u, \"max_us\": %u, \"send_lag_max_us\": %lld}\n",
         n, (size_t)streams * (size_t)frames_each, broken, why, (double)(now_ns() - began) / 1e9, late, n ? late_us[n / 2] : 0,
         n ? late_us[n * 99 / 100] : 0, n ? late_us[n * 999 / 1000] : 0, n ? late_us[n - 1] : 0, (long long)(lag_max / 1000));
}

static void turn(int listener, int64_t wait_until) {
  struct epoll_event events[EVENTS_MAX];
  connection *c;
  int64_t now = now_ns();
  if (queue_head != queue_tail) {
    connection *next = connections[queue[queue_head % FDS_MAX]];
    int64_t due = next == NULL ? now : next->due;
    wait_until = due < wait_until ? due : wait_until;
  }
  int64_t wait = wait_until > now ? wait_until - now : 0;
  struct timespec most = {.tv_sec = wait / 1000000000, .tv_nsec = wait % 1000000000};
  int count = epoll_pwait2(poll_fd, events, EVENTS_MAX, &most, NULL), fd;
  for (int i = 0; i < count; i++) {
    if (events[i].data.fd == listener)
      while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) add(fd, PROVIDER);
    else if ((c = connections[events[i].data.fd]) == NULL)
      continue;
    else if (c->kind == CALLER && !c->asked && !(events[i].events & (EPOLLERR | EPOLLHUP)))
      ask(events[i].data.fd, c);
    else
      read_from(events[i].data.fd);
  }
  send_due(now_ns());
}

static void read_request(const char *path) {
  char number[24], *place;
  FILE *file = fopen(path, "rb");
  request_bytes = file == NULL ? 0 : fread(request, 1, sizeof request, file);
  if (file != NULL) fclose(file);
  snprintf(number, sizeof number, "%06d", frames_each);
  stream_place = memmem(request, request_bytes, "######", 6);
  if ((place = memmem(request, request_bytes, "$$$$$$", 6)) == NULL || stream_place == NULL) {
    fprintf(stderr, "stream_load: %s is no request with places for the stream and its frames\n", path);
    exit(1);
  }
  memcpy(place, number, 6);
}

/* What has not ended long after it should have is lost. */
static void leave_off(void) {
  for (int fd = 0; fd < FDS_MAX; fd++) {
    if (connections[fd] == NULL) continue;
    if (connections[fd]->kind == CALLER) fail(connections[fd], "it did not end");
    drop(fd);
  }
}

static void run(int listener, int at) {
  int64_t began = now_ns();
  int opened = 0;
  late_count = 0;
  late_room = (size_t)streams * (size_t)frames_each;
  late_us = malloc(late_room * sizeof *late_us);
  ended = firsts = broken = 0;
  lag_max = 0;
  why[0] = 0;
  int64_t give_up = began + (int64_t)streams * 1000000 / OPENED_PER_MS + (int64_t)frames_each * period_ns + (int64_t)PATIENCE_SECONDS * 1000000000;
  while (ended < streams) {
    if (now_ns() > give_up) {
      leave_off();
      break;
    }
    int64_t next = began + (int64_t)opened * 1000000 / OPENED_PER_MS;
    if (opened < streams && now_ns() >= next) {
      open_one(at, opened++);
      continue;
    }
    turn(listener, opened < streams ? next : now_ns() + 100000000);
  }
  tell(began);
  free(late_us);
}

int main(int count, char **arguments) {
  int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), at;
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof address;
  if (bind(listener, (struct sockaddr *)&address, size) || listen(listener, 4096) ||
      getsockname(listener, (struct sockaddr *)&address, &size)) {
    perror("stream_load");
    return 1;
  }
  setvbuf(stdout, NULL, _IOLBF, 0);
  period_ns = 1000000000 / (count > 1 ? atoi(arguments[1]) : 50);
  poll_fd = epoll_create1(0);
  struct epoll_event event = {.events = EPOLLIN, .data.fd = listener};
  epoll_ctl(poll_fd, EPOLL_CTL_ADD, listener, &event);
  printf("listening on %d\n", ntohs(address.sin_port));
  /* Between the runs it waits for the next line. */
  char path[4096];
  while (scanf("%d %d %d %d %4095s", &at, &streams, &frames_each, &exact, path) == 5) {
    read_request(path);
    run(listener, at);
  }
  return 0;
}
