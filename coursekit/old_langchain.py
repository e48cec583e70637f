"""Lines as they were written for LangChain 0.x, each with what one writes for LangChain 1.x instead.

`THEN` maps the old line to the new way. Lines use the names `create_agent`, `model` (for chats) and `chain`.
Used in: notebooks/20_langchain.ipynb
"""

THEN = {
    "from langchain.agents import initialize_agent": "create_agent(model, tools)",
    "from langchain.agents import AgentExecutor": "create_agent: the loop is inside",
    "from langchain.agents import Tool": "@tool, or any function with a docstring",
    "from langchain.chains import LLMChain": "prompt | model | StrOutputParser()",
    "from langchain.chains import SequentialChain": "RunnablePassthrough.assign(…) | …",
    "from langchain.memory import ConversationBufferMemory": "a checkpointer",
    "from langchain.memory import VectorStoreRetrieverMemory": "SemanticMemory, below",
    "from langchain.chat_models import ChatOpenAI": "from langchain_openai import ChatOpenAI",
    "from langchain.prompts import PromptTemplate": "from langchain_core.prompts import …",
    "from langchain.schema import HumanMessage": "from langchain_core.messages import …",
    "from langchain.callbacks import BaseCallbackHandler": "from langchain_core.callbacks import …",
    "from langchain.vectorstores import Chroma": "from langchain_chroma import Chroma",
    "from langchain.embeddings import OpenAIEmbeddings": "from langchain_openai import …",
    "from langchain import hub": "gone; keep prompts with your code",
    "create_agent(model, [], prompt='Be brief.')": "system_prompt=",
    "create_agent(model, [], agent_type='openai-functions')": "gone; models call tools themselves",
    "chain.run('hello')": "chain.invoke('hello')",
    "model('hello')": "model.invoke('hello')",
}
