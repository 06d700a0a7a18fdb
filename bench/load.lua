-- The load: one chat completion of 1 KB, as an OpenAI client sends it, again and again; prints one line of JSON at the end.
local system = string.rep("You are a helpful assistant that answers briefly and cites its sources. ", 4)
local user = string.rep("Explain in two sentences what an LLM gateway is for, and list three things that a platform team gets from it. ", 4)
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.headers["Authorization"] = "Bearer sk-bench-0123456789abcdef"
wrk.body = string.format(
  [=[{"model":"gpt-4o","messages":[{"role":"system","content":"%s"},{"role":"user","content":"%s"}],"temperature":0.2,"max_tokens":256,"top_p":1,"user":"team-42/user-1234","metadata":{"app":"demo","env":"prod"}}]=],
  system, user)

done = function(summary, latency)
  local e = summary.errors
  io.write(string.format(
    'JSON{"requests":%d,"seconds":%.6f,"errors":%d,"p50_us":%.0f,"p90_us":%.0f,"p99_us":%.0f,"max_us":%.0f}\n',
    summary.requests, summary.duration / 1e6, e.connect + e.read + e.write + e.status + e.timeout,
    latency:percentile(50), latency:percentile(90), latency:percentile(99), latency.max))
end
