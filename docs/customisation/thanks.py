"""A reward function, as it would run in a Lambda: thanks earn a reward, and so does the right queue."""


def lambda_handler(event, context):
    return [{"id": sample["id"], "aggregate_reward_score": score(sample)} for sample in event]


def score(sample):
    answer = sample["messages"][-1]["content"]
    return ("Thank you" in answer) + 0.5 * answer.strip().endswith(sample["reference_answer"])
