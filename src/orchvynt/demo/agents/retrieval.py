"""The retrieval agent: finds the facts that a question needs."""

from openai import OpenAI


def retrieve(base_url: str, headers: dict[str, str], question: str) -> str:
    client = OpenAI(base_url=base_url, api_key="agent-key", default_headers=headers)
    answer = client.chat.completions.create(
        model="gpt-4o",
        max_tokens=60,
        messages=[
            {"role": "system", "content": "You list the facts that a question needs, one per line."},
            {"role": "user", "content": question},
        ],
    )
    return answer.choices[0].message.content or ""
