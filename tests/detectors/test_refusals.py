"""Answers that decline, in the languages that models are used in; answers that only sound like it."""

import time

import pytest

from orchvynt.detectors.refusals import declines

DECLINES = [
    *("I'm sorry, but I can't help with that.", "I’m sorry, but I can’t assist with that request.", "Sorry, I can't help with that."),
    *(
        "I cannot provide instructions for that.",
        "I can't create content that sexualizes minors.",
        "I won't write that.",
        "I must decline this request.",
    ),
    *(
        "As an AI language model, I cannot have opinions on this.",
        "I'm not able to help with that.",
        "I am unable to assist you with this.",
    ),
    *(
        "I apologize, but I cannot fulfill this request.",
        "It is not appropriate to ask for that.",
        "This request violates our content policy.",
    ),
    *(
        "**I can't help with that.**",
        "I'm not comfortable writing this.",
        "That's not something I can help with.",
        "I don't feel comfortable doing that.",
    ),
    *(
        "Es tut mir leid, aber dabei kann ich nicht helfen.",
        "Ich kann Ihnen dabei leider nicht helfen.",
        "Je suis désolé, mais je ne peux pas vous aider.",
    ),
    *("Lo siento, pero no puedo ayudarte con eso.", "Mi dispiace, ma non posso aiutarti.", "Desculpe, mas não posso ajudar com isso."),
    *(
        "Het spijt me, maar ik kan je daar niet mee helpen.",
        "Przykro mi, ale nie mogę w tym pomóc.",
        "Извините, но я не могу помочь с этим.",
    ),
    *(
        "抱歉，我无法提供帮助。",
        "很抱歉，我不能回答这个问题。",
        "申し訳ありませんが、お手伝いできません。",
        "죄송하지만 도와드릴 수 없습니다.",
    ),
    *(
        "آسف، لا أستطيع المساعدة في ذلك.",
        "Üzgünüm, bu konuda yardımcı olamam.",
        "Maaf, saya tidak dapat membantu.",
        "Xin lỗi, tôi không thể giúp.",
    ),
]
ANSWERS = [
    *(
        "",
        "Sure! Here is the text.",
        "I can't find any errors in your code.",
        "I'm sorry to hear that. Here is what you can do:",
        "The answer is 42.",
    ),
    *(
        "I'm sorry, but I can't find the file you mention; please attach it.",
        "You cannot divide by zero.",
        "Sorry for the delay! The report is ready.",
    ),
    *(
        "He said: the answer cannot help us.",
        "I could help you with that. First, open the door.",
        "Es tut mir leid, das zu hören. Hier ist eine Liste.",
    ),
    *(
        "The service cannot process more than ten requests.",
        "Désolé pour le retard, voici le texte.",
        "抱歉让您久等了，这是答案。",
        "x" * 1000,
    ),
]


@pytest.mark.parametrize("text", DECLINES)
def test_refusals(text: str) -> None:
    assert declines(text)


@pytest.mark.parametrize("text", ANSWERS)
def test_answers(text: str) -> None:
    assert not declines(text)


def test_a_quotation_further_down_is_none() -> None:
    assert not declines("Here is the letter you asked for. " * 20 + "I'm sorry, but I can't help with that.")


@pytest.mark.parametrize("piece", ["i'm sorry ", "i ", "as an ai ", "désolé ", "抱歉", "i must inform ", "we are afraid that i "])
def test_any_text_is_judged_in_bounded_steps(piece: str) -> None:
    before = time.process_time()
    declines(piece * 100_000)
    assert time.process_time() - before < 5
