"""The fact-checking agent: says of a draft whether its facts hold."""

from openai import OpenAI


def check(base_url: str, headers: dict[str, str], text: str) -> str:
    client = OpenAI(base_url=base_url, api_key="agent-key", default_headers=headers)
    answer = client.chat.completions.create(
        model="gpt-4o",
        max_tokens=40,
        messages=[
            {"role": "system", "content": "You answer with the one claim of a draft that most needs a source."},
            {"role": "user", "content": f"Check this draft: {text}"},
        ],
    )
    return answer.choices[0].message.content or ""
