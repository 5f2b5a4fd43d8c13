"""Clients that are known to work, and the lines that point each at a service: one table.

Knows nothing of keys, settings or servers. docs/clients.md is written from this table (tools/clients.py), `outcrop env
--client NAME` prints a row, and tests/clients runs the very lines.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

CLAUDE = "anthropic.claude-3-5-sonnet-20240620-v1:0"
EMBED = "amazon.titan-embed-text-v2:0"
"""Ids that clients know: some look theirs up in a table of AWS's, and a body's shape goes by the name."""


@dataclass(frozen=True, slots=True)
class Client:
    """One row. `lines` is a template with the fields of FIELDS; `ids` maps an id that the client needs to the field of
    the model that must answer to it; `does` are the things that tests/clients has it do, each a stage there."""

    name: str
    title: str
    language: str
    install: str
    lines: str
    does: tuple[str, ...] = ("chat", "stream", "tool", "refused")
    ids: tuple[tuple[str, str], ...] = ()
    note: str = ""


FIELDS = ("url", "tls_url", "region", "model", "embedder", "reranker", "access_key", "secret_key", "api_key", "ca")
"""Base URLs without a trailing slash, credentials, model ids, and the path of the certificate to trust."""

_PYTHON_KEYS = """region_name="{region}",
    aws_access_key_id="{access_key}", aws_secret_access_key="{secret_key}\""""

_BOTO3 = f"""import boto3
client = boto3.client("bedrock-runtime", endpoint_url="{{url}}", {_PYTHON_KEYS})"""

_NODE_KEYS = 'accessKeyId: "{access_key}", secretAccessKey: "{secret_key}"'

_CLAUDE = ((CLAUDE, "model"),)
_EMBED = ((EMBED, "embedder"),)

PYTHON = (
    Client("boto3", "boto3", "python", "pip install boto3", _BOTO3, ("chat", "stream", "tool", "embed", "refused"),
        _EMBED),
    Client("boto3-api-key", "boto3 with an API key", "python", "pip install boto3", """\
import boto3, os
os.environ["AWS_BEARER_TOKEN_BEDROCK"] = "{api_key}"
client = boto3.client("bedrock-runtime", endpoint_url="{tls_url}", region_name="{region}", verify="{ca}")""",
        ("chat", "stream", "tool", "refused"), note="boto3 sends API keys over https only."),
    Client("aioboto3", "aioboto3", "python", "pip install aioboto3", f"""\
import aioboto3
connect = lambda: aioboto3.Session().client("bedrock-runtime", endpoint_url="{{url}}", {_PYTHON_KEYS})""",
        ("chat", "stream", "tool", "embed", "refused"), _EMBED),
    Client("langchain-converse", "LangChain, ChatBedrockConverse", "python", "pip install langchain-aws", f"""\
from langchain_aws import ChatBedrockConverse
llm = ChatBedrockConverse(model="{CLAUDE}", base_url="{{url}}", {_PYTHON_KEYS})""",
        ids=_CLAUDE, note="langchain-aws turns streaming off for model ids that it does not know."),
    Client("langchain-invoke", "LangChain, ChatBedrock", "python", "pip install langchain-aws", f"""\
from langchain_aws import ChatBedrock
llm = ChatBedrock(model="{CLAUDE}", endpoint_url="{{url}}", {_PYTHON_KEYS.replace("region_name", "region")})""",
        ids=_CLAUDE, note="ChatBedrock chooses InvokeModel's body by the vendor in the model's id."),
    Client("langchain-embeddings", "LangChain, BedrockEmbeddings", "python", "pip install langchain-aws", f"""\
from langchain_aws import BedrockEmbeddings
embeddings = BedrockEmbeddings(model_id="{EMBED}", endpoint_url="{{url}}", {_PYTHON_KEYS})""",
        ("embed", "refused"), _EMBED),
    Client("langchain-rerank", "LangChain, BedrockRerank", "python", "pip install langchain-aws", f"""\
import boto3
from langchain_aws import BedrockRerank
client = boto3.client("bedrock-agent-runtime", endpoint_url="{{url}}", {_PYTHON_KEYS})
rerank = BedrockRerank(client=client, model_arn="arn:aws:bedrock:{{region}}::foundation-model/{{reranker}}")""",
        ("rerank", "refused"), note="BedrockRerank's own parameters for keys take no plain strings."),
    Client("anthropic-bedrock", "Anthropic SDK, AnthropicBedrock", "python", 'pip install "anthropic[bedrock]"', """\
from anthropic import AnthropicBedrock
client = AnthropicBedrock(base_url="{url}", aws_region="{region}",
    aws_access_key="{access_key}", aws_secret_key="{secret_key}")"""),
    Client("anthropic-mantle", "Anthropic SDK, AnthropicBedrockMantle", "python", 'pip install "anthropic[bedrock]"',
        """\
from anthropic import AnthropicBedrockMantle
client = AnthropicBedrockMantle(base_url="{url}/anthropic", aws_region="{region}",
    aws_access_key="{access_key}", aws_secret_key="{secret_key}")"""),
    Client("anthropic", "Anthropic SDK, Anthropic", "python", "pip install anthropic", """\
from anthropic import Anthropic
client = Anthropic(base_url="{url}/anthropic", api_key="{api_key}")"""),
    Client("openai", "OpenAI SDK, chat completions and embeddings", "python", "pip install openai", """\
from openai import OpenAI
client = OpenAI(base_url="{url}/openai/v1", api_key="{api_key}")""", ("chat", "stream", "tool", "embed", "refused")),
    Client("openai-responses", "OpenAI SDK, responses", "python", "pip install openai", """\
from openai import OpenAI
client = OpenAI(base_url="{url}/openai/v1", api_key="{api_key}")"""),
    Client("openai-bedrock", "OpenAI SDK, BedrockOpenAI", "python", 'pip install "openai[bedrock]"', """\
from openai import BedrockOpenAI
client = BedrockOpenAI(base_url="{url}/openai/v1", aws_region="{region}",
    aws_access_key_id="{access_key}", aws_secret_access_key="{secret_key}")""",
        ("chat", "stream", "tool", "embed", "refused")),
    Client("litellm", "LiteLLM", "python", "pip install litellm mcp boto3", """\
import litellm
outcrop = dict(api_base="{url}", aws_region_name="{region}",
    aws_access_key_id="{access_key}", aws_secret_access_key="{secret_key}")""",
        ("chat", "stream", "tool", "embed", "refused"), _CLAUDE + _EMBED,
        f'`litellm.completion(model="bedrock/{CLAUDE}", messages=[...], **outcrop)`. LiteLLM 1.106 imports mcp when a '
        "call has tools, and does not bring it."),
    Client("strands", "Strands Agents", "python", "pip install strands-agents", f"""\
import boto3
from strands.models import BedrockModel
keys = boto3.Session({_PYTHON_KEYS})
model = BedrockModel(boto_session=keys, endpoint_url="{{url}}", model_id="{{model}}")"""),
    Client("pydantic-ai", "Pydantic AI", "python", 'pip install "pydantic-ai-slim[bedrock]"', f"""\
from pydantic_ai.models.bedrock import BedrockConverseModel
from pydantic_ai.providers.bedrock import BedrockProvider
provider = BedrockProvider(base_url="{{url}}", {_PYTHON_KEYS})
model = BedrockConverseModel("{CLAUDE}", provider=provider)""",
        ("chat", "stream", "tool", "embed", "refused"), _CLAUDE + _EMBED,
        "Pydantic AI looks up in the model's id what the model can do."),
    Client("llama-index", "LlamaIndex, BedrockConverse", "python", "pip install llama-index-llms-bedrock-converse",
        f"""\
from llama_index.llms.bedrock_converse import BedrockConverse
llm = BedrockConverse(model="{CLAUDE}", endpoint_url="{{url}}", {_PYTHON_KEYS})""",
        ids=_CLAUDE, note="LlamaIndex refuses model ids that it does not know."),
    Client("llama-index-embeddings", "LlamaIndex, BedrockEmbedding", "python",
        "pip install llama-index-embeddings-bedrock", f"""\
{_BOTO3}
from llama_index.embeddings.bedrock import BedrockEmbedding
embedder = BedrockEmbedding(model_name="{EMBED}", client=client)""", ("embed", "refused"), _EMBED),
    Client("instructor", "Instructor over Converse", "python", "pip install instructor boto3", f"""\
import instructor
{_BOTO3}
extractor = instructor.from_bedrock(client)""", ("chat", "tool", "refused"),
        note="Instructor cannot stream over Bedrock; over OpenAI's API it can."),
    Client("instructor-openai", "Instructor over OpenAI's API", "python", "pip install instructor openai", """\
import instructor
from openai import OpenAI
extractor = instructor.from_openai(OpenAI(base_url="{url}/openai/v1", api_key="{api_key}"))""",
        ("chat", "stream", "partial", "tool", "refused")),
)  # fmt: skip

SHELL = (
    Client("aws-cli", "aws CLI", "shell", "pip install awscli", """\
export AWS_ENDPOINT_URL_BEDROCK="{url}" AWS_ENDPOINT_URL_BEDROCK_RUNTIME="{url}" AWS_DEFAULT_REGION="{region}"
export AWS_ENDPOINT_URL_BEDROCK_AGENT="{url}" AWS_ENDPOINT_URL_BEDROCK_AGENT_RUNTIME="{url}"
export AWS_ACCESS_KEY_ID="{access_key}" AWS_SECRET_ACCESS_KEY="{secret_key}\"""", ("chat", "tool", "embed", "refused"),
        _EMBED, 'The aws CLI has no command for streams. `eval "$(outcrop env)"` sets the same, and the certificates.'),
)  # fmt: skip

JAVASCRIPT = (
    Client("aws-sdk-js", "AWS SDK for JavaScript", "javascript", "npm install @aws-sdk/client-bedrock-runtime", f"""\
import {{ BedrockRuntimeClient }} from "@aws-sdk/client-bedrock-runtime";
const client = new BedrockRuntimeClient({{
  endpoint: "{{url}}", region: "{{region}}", credentials: {{ {_NODE_KEYS} }} }});""",
        ("chat", "stream", "tool", "embed", "refused"), _EMBED),
    Client("ai-sdk", "Vercel AI SDK", "javascript", "npm install ai @ai-sdk/amazon-bedrock", f"""\
import {{ createAmazonBedrock }} from "@ai-sdk/amazon-bedrock";
const bedrock = createAmazonBedrock({{ baseURL: "{{url}}", region: "{{region}}",
  {_NODE_KEYS} }});""", ("chat", "stream", "tool", "embed", "refused"), _EMBED),
    Client("anthropic-bedrock-js", "Anthropic Bedrock SDK for Node", "javascript",
        "npm install @anthropic-ai/bedrock-sdk", """\
import { AnthropicBedrock } from "@anthropic-ai/bedrock-sdk";
const client = new AnthropicBedrock({ baseURL: "{url}", awsRegion: "{region}",
  awsAccessKey: "{access_key}", awsSecretKey: "{secret_key}" });"""),
    Client("openai-js", "OpenAI SDK for Node", "javascript", "npm install openai", """\
import OpenAI from "openai";
const client = new OpenAI({ baseURL: "{url}/openai/v1", apiKey: "{api_key}" });""",
        ("chat", "stream", "tool", "embed", "refused")),
)  # fmt: skip

CLIENTS = {client.name: client for client in (*PYTHON, *SHELL, *JAVASCRIPT)}


def fill(template: str, values: Mapping[str, str]) -> str:
    """The template with every field of FIELDS in it replaced; all other braces are the language's own."""
    return re.sub(rf"\{{({'|'.join(FIELDS)})\}}", lambda found: values[found[1]], template)
