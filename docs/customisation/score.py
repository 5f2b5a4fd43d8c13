"""`python score.py MODEL HELD-OUT.jsonl [WORDS]`: how many held-out lines a model answers as they end, greedily.

Of WORDS, how many answers hold them. Asks through boto3, with the variables that `outcrop env` sets.
"""

import json
import sys
from concurrent.futures import ThreadPoolExecutor

import boto3

runtime = boto3.client("bedrock-runtime")


def conversation(line):
    """A line of training data, of either format, as Converse takes it, and the answer that it ends with."""
    if "prompt" in line:
        return {"messages": [{"role": "user", "content": [{"text": line["prompt"]}]}]}, line["completion"]
    tools = {"toolConfig": line["toolConfig"]} if "toolConfig" in line else {}
    return {"messages": line["messages"][:-1], **tools}, line["messages"][-1]["content"][0]


def said(model, asked):
    """The model's words, or the name and input of the tool that it calls."""
    config = {"temperature": 0, "maxTokens": 64}
    answer = runtime.converse(modelId=model, inferenceConfig=config, **asked)
    blocks = answer["output"]["message"]["content"]
    used = [block["toolUse"] for block in blocks if "toolUse" in block]
    return used[0] if used else "".join(block.get("text", "") for block in blocks).strip()


def right(answer, wanted, words):
    if words:
        return words in str(answer)
    if isinstance(wanted, str):
        return answer == wanted or str(answer).endswith(f" {wanted}")
    use = wanted["toolUse"]
    return isinstance(answer, dict) and (answer["name"], answer["input"]) == (use["name"], use["input"])


def main(model, file, words=""):
    with open(file) as lines:
        rows = [conversation(json.loads(line)) for line in lines]
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda row: said(model, row[0]), rows))
    count = sum(right(answer, wanted, words) for answer, (_, wanted) in zip(answers, rows, strict=True))
    print(f"{count} of {len(rows)}")


main(*sys.argv[1:])
