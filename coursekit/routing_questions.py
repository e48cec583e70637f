"""Sixteen questions to a company, each with the desk that should answer it, and twelve examples to compare.

Written for this course; no question stands among the examples. Used in: notebooks/20_langchain.ipynb
"""

ROUTES = ("urgent", "technical", "business", "general")

QUESTIONS = {
    "Production is down, nobody can pay": "urgent",
    "Customer data may have leaked this morning": "urgent",
    "The database is down and orders are lost": "urgent",
    "Somebody broke in, we must act right now": "urgent",
    "Which API call lists all users?": "technical",
    "I get an error when I install the client": "technical",
    "Why does the export end with a timeout?": "technical",
    "Where does the service write its log?": "technical",
    "What is the price for 50 seats?": "business",
    "Can we end the contract in March?": "business",
    "The invoice shows the wrong address": "business",
    "How did sales do last quarter?": "business",
    "Where is your office?": "general",
    "Thank you for the quick help": "general",
    "Do you offer guided tours?": "general",
    "Who founded the company?": "general",
}

EXAMPLES = {
    "urgent": ["The site is down", "We have a security breach", "Orders are being lost at this moment"],
    "technical": ["How do I call the API?", "The program shows an error", "How do I set up the software?"],
    "business": ["How much does it cost?", "We want to change our contract", "Our revenue this year"],
    "general": ["Where are you located?", "Thanks a lot", "Tell me about the company"],
}
