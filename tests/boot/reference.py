"""The three reference documents beside the repository, and the code samples and examples that stand in them."""

import json
import os
import re

from appliance import ROOT

FOLDER = os.path.join(os.path.dirname(ROOT), "shared", "reference")


def present():
    return os.path.isdir(FOLDER)


def read(name):
    with open(os.path.join(FOLDER, name), encoding="utf-8") as file:
        return file.read()


def fenced(text, language):
    """The code blocks of a Markdown text in one language."""
    return re.findall(r"^```%s\n(.*?)^```" % language, text, re.M | re.S)


def family_0_examples():
    """{status: example answer} of the action token document, and its request's (method, path, body)."""
    text = read("action-tokens.txt")
    method = re.search(r"\*\*Request URL — (\w+)\*\*", text)[1]
    path = fenced(text, "http")[0].split()[1]
    body = fenced(text.split("## Responses")[0], "json")[0]
    answers = re.findall(r"^\*\*(\d{3}) .*?^```json\n(.*?)^```", text, re.M | re.S)
    return {int(status): json.loads(answer) for status, answer in answers}, (method, path, body)


def family_1_samples():
    """The curl, JavaScript and Python samples of the JWT token document."""
    text = read("api-v1-tokens.txt")
    return {language: fenced(text, language)[0] for language in ("bash", "javascript", "python")}


def family_1_members():
    """Names of APITokenResponse as the document lists them."""
    text = read("api-v1-tokens.txt").split("### 201")[1].split("### 400")[0]
    return re.findall(r"^  - `(\w+)`", text, re.M)


def family_2_sample():
    """The curl command and the example answer of the platform token document."""
    text = read("tokens.txt")
    command = re.search(r"^curl .*?^'\n", text, re.M | re.S)[0]
    answer, _ = json.JSONDecoder().raw_decode(text, text.index("{", text.index(command) + len(command)))
    return command, answer
