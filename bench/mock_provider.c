/* The provider of the benchmark: one thread, epoll, answers that were written before it started.
 *
 * POST  -> one chat completion of about 900 bytes, or a stream of 100 frames of content when the body says "stream": true, each frame a
 *          write of its own; to a path that ends in /messages the same words as Anthropic's API says them
 * GET   -> {"requests": N, "streams": M}: what has arrived so far, not counting GETs
 *
 * `mock_provider busy` answers each POST with a 429 that may be asked again at once.
 *
 * It listens on a free port of 127.0.0.1 and prints `listening on PORT`. It must never be the bottleneck, so it knows
 * nothing of HTTP beyond the length of a request. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CONNECTIONS_MAX = 16384, REQUEST_BYTES_MAX = 1 << 18, STREAM_FRAMES = 100, PIECES = STREAM_FRAMES + 2, EVENTS_MAX = 256 };

typedef struct {
  size_t got;
  char bytes[REQUEST_BYTES_MAX];
} connection;

static connection *connections[CONNECTIONS_MAX];
static char answer[4096], message[4096], refusal[512], stream[65536];
static size_t answer_bytes, message_bytes, refusal_bytes, pieces[PIECES + 1]; /* where each piece of `stream` begins */
static int busy;
static unsigned long requests_seen, streams_seen;

static const char WORDS[] =
    "Large language model gateways sit between applications and model providers. They add routing, budgets, caching, guardrails and "
    "observability without each team having to write them again. Large language model gateways sit between applications and model "
    "providers. They add routing, budgets, caching, guardrails and observability without each team having to write them again.";

static size_t framed(char *to, size_t room, const char *status, const char *body) {
  return (size_t)snprintf(to, room, "HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s", status, strlen(body), body);
}

static void write_answers(void) {
  char body[2048];
  snprintf(
      body, sizeof body,
      "{\"id\":\"chatcmpl-9aBcDeFgHiJkLmNoPqRsTuVwXyZ01\",\"object\":\"chat.completion\",\"created\":1732300000,"
      "\"model\":\"gpt-4o-2024-08-06\",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"%s\","
      "\"refusal\":null},\"logprobs\":null,\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":187,\"completion_tokens\":86,"
      "\"total_tokens\":273,\"prompt_tokens_details\":{\"cached_tokens\":0,\"audio_tokens\":0},"
      "\"completion_tokens_details\":{\"reasoning_tokens\":0,\"audio_tokens\":0}},\"service_tier\":\"default\","
      "\"system_fingerprint\":\"fp_0123456789\"}",
      WORDS);
  answer_bytes = framed(answer, sizeof answer, "200 OK", body);
  snprintf(body, sizeof body,
           "{\"id\":\"msg_01XFDUDYJgAACzvnptvVoYEL\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"claude-sonnet-4-5\","
           "\"content\":[{\"type\":\"text\",\"text\":\"%s\"}],\"stop_reason\":\"end_turn\",\"stop_sequence\":null,"
           "\"usage\":{\"input_tokens\":187,\"cache_creation_input_tokens\":0,\"cache_read_input_tokens\":0,\"output_tokens\":86}}",
           WORDS);
  message_bytes = framed(message, sizeof message, "200 OK", body);
  refusal_bytes = framed(refusal, sizeof refusal, "429 Too Many Requests\r\nRetry-After: 0",
                         "{\"error\":{\"message\":\"Rate limit reached\",\"type\":\"requests\",\"param\":null,\"code\":\"rate_limit_exceeded\"}}");

  const char *chunk =
      "data: {\"id\":\"chatcmpl-9aBcDeFgHiJkLmNoPqRs\",\"object\":\"chat.completion.chunk\",\"created\":1732300000,"
      "\"model\":\"gpt-4o-2024-08-06\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\" gateway\"},\"logprobs\":null,"
      "\"finish_reason\":null}]}\n\n";
  const char *last =
      "data: {\"id\":\"chatcmpl-9aBcDeFgHiJkLmNoPqRs\",\"object\":\"chat.completion.chunk\",\"created\":1732300000,"
      "\"model\":\"gpt-4o-2024-08-06\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n"
      "data: {\"id\":\"chatcmpl-9aBcDeFgHiJkLmNoPqRs\",\"object\":\"chat.completion.chunk\",\"created\":1732300000,"
      "\"model\":\"gpt-4o-2024-08-06\",\"choices\":[],\"usage\":{\"prompt_tokens\":187,\"completion_tokens\":100,"
      "\"total_tokens\":287}}\n\ndata: [DONE]\n\n";
  char *to = stream;
  to += sprintf(to, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nTransfer-Encoding: chunked\r\n\r\n");
  for (int i = 0; i < STREAM_FRAMES; i++) {
    pieces[i + 1] = (size_t)(to - stream);
    to += sprintf(to, "%zx\r\n%s\r\n", strlen(chunk), chunk);
  }
  pieces[PIECES - 1] = (size_t)(to - stream);
  to += sprintf(to, "%zx\r\n%s\r\n0\r\n\r\n", strlen(last), last);
  pieces[PIECES] = (size_t)(to - stream);
}

static void drop(int fd) {
  free(connections[fd]);
  connections[fd] = NULL;
  close(fd);
}

static void put(int fd, const char *bytes, size_t length) {
  /* Answers are far smaller than a socket buffer; a caller that does not read loses its connection. */
  if (send(fd, bytes, length, MSG_NOSIGNAL) != (ssize_t)length) drop(fd);
}

static void answer_one(int fd, const char *request, size_t head, size_t length) {
  if (request[0] == 'G') {
    char body[96], text[224];
    int bytes = snprintf(body, sizeof body, "{\"requests\": %lu, \"streams\": %lu}", requests_seen, streams_seen);
    int all = snprintf(text, sizeof text, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", bytes, body);
    put(fd, text, (size_t)all);
    return;
  }
  requests_seen++;
  if (busy) {
    put(fd, refusal, refusal_bytes);
    return;
  }
  const char *body = request + head;
  const char *key = memmem(body, length - head, "\"stream\":", 9);
  if (key != NULL && (strncmp(key + 9, "true", 4) == 0 || strncmp(key + 9, " true", 5) == 0)) {
    streams_seen++;
    for (int i = 0; i < PIECES && connections[fd] != NULL; i++) put(fd, stream + pieces[i], pieces[i + 1] - pieces[i]);
  } else if (memmem(request, head, "/messages", 9) != NULL) {
    put(fd, message, message_bytes);
  } else {
    put(fd, answer, answer_bytes);
  }
}

/* The length of the request at the start of the buffer, 0 while it is incomplete. `head` becomes the length of its header. */
static size_t whole_request(const char *bytes, size_t got, size_t *head) {
  const char *end = memmem(bytes, got, "\r\n\r\n", 4);
  if (end == NULL) return 0;
  *head = (size_t)(end - bytes) + 4;
  const char *field = strcasestr(bytes, "\r\ncontent-length:");
  if (field != NULL && field < end) {
    size_t all = *head + (size_t)strtoul(field + 17, NULL, 10);
    return got >= all ? all : 0;
  }
  field = strcasestr(bytes, "\r\ntransfer-encoding:");
  if (field != NULL && field < end) {
    const char *stop = memmem(bytes + *head - 2, got - *head + 2, "\r\n0\r\n\r\n", 7);
    return stop == NULL ? 0 : (size_t)(stop - bytes) + 7;
  }
  return *head;
}

static void read_from(int fd) {
  connection *c = connections[fd];
  ssize_t count = recv(fd, c->bytes + c->got, REQUEST_BYTES_MAX - 1 - c->got, 0);
  if (count <= 0) {
    if (count == 0 || errno != EAGAIN) drop(fd);
    return;
  }
  c->got += (size_t)count;
  for (;;) {
    c->bytes[c->got] = 0;
    size_t head = 0, length = whole_request(c->bytes, c->got, &head);
    if (length == 0) {
      if (c->got >= REQUEST_BYTES_MAX - 1) drop(fd);
      return;
    }
    answer_one(fd, c->bytes, head, length);
    if (connections[fd] == NULL) return;
    c->got -= length;
    if (c->got == 0) return;
    memmove(c->bytes, c->bytes + length, c->got);
  }
}

static void accept_all(int listener, int poll) {
  int fd, yes = 1;
  while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
    if (fd >= CONNECTIONS_MAX || (connections[fd] = malloc(sizeof(connection))) == NULL) {
      close(fd);
      continue;
    }
    connections[fd]->got = 0;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    epoll_ctl(poll, EPOLL_CTL_ADD, fd, &event);
  }
}

int main(int count, char **arguments) {
  busy = count > 1 && strcmp(arguments[1], "busy") == 0;
  write_answers();
  int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof address;
  if (bind(listener, (struct sockaddr *)&address, size) || listen(listener, 4096) ||
      getsockname(listener, (struct sockaddr *)&address, &size)) {
    perror("mock_provider");
    return 1;
  }
  int poll = epoll_create1(0);
  struct epoll_event event = {.events = EPOLLIN, .data.fd = listener}, events[EVENTS_MAX];
  epoll_ctl(poll, EPOLL_CTL_ADD, listener, &event);
  printf("listening on %d\n", ntohs(address.sin_port));
  fflush(stdout);
  for (;;) {
    int ready = epoll_wait(poll, events, EVENTS_MAX, -1);
    for (int i = 0; i < ready; i++) {
      int fd = events[i].data.fd;
      if (fd == listener)
        accept_all(listener, poll);
      else if (connections[fd] != NULL)
        read_from(fd);
    }
  }
}
