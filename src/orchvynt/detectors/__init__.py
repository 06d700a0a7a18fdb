"""What a text holds that people want to know of: personal data, secrets, refusals. Pure: a text in, kinds and counts out.

Nothing here keeps or gives back any part of the text. Which kinds exist stands in `kinds`; `scanning` counts them in one text.
"""
