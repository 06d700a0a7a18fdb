"""The drafting agent: writes a paragraph from facts, word by word."""

from openai import OpenAI


def draft(base_url: str, headers: dict[str, str], facts: str) -> str:
    client = OpenAI(base_url=base_url, api_key="agent-key", default_headers=headers)
    stream = client.chat.completions.create(
        model="gpt-4o",
        max_tokens=80,
        stream=True,
        messages=[
            {"role": "system", "content": "You write one paragraph from the facts you are given."},
            {"role": "user", "content": f"Write the paragraph. Facts: {facts}"},
        ],
    )
    words = []
    for chunk in stream:
        if chunk.choices and chunk.choices[0].delta.content:
            words.append(chunk.choices[0].delta.content)
    return "".join(words)
