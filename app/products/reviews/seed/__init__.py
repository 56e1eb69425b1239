"""Example reviews for a demo account."""

from app.accounts.models import User
from app.products.reviews import service
from app.products.reviews.schemas import ReviewInput

REVIEWS = [
    ReviewInput(
        id="pride-and-prejudice",
        rating=5,
        title="Still the sharpest tongue in the room",
        text="Two hundred years old, and every conversation is a duel.",
    ),
    ReviewInput(
        id="frankenstein",
        rating=4,
        title="The monster is not who you think",
        text="He is abandoned in the fifth chapter, and the rest follows from it.",
        spoiler=True,
    ),
    ReviewInput(id="moby-dick", rating=3, title="A whale of a digression"),
    ReviewInput(
        id="die-leiden-des-jungen-werthers",
        rating=4,
        title="Kurz und heftig",
        text="Ein Briefroman, den man an einem Abend liest und lange nicht loswird.",
        language="de",
    ),
    ReviewInput(
        id="crime-and-punishment", rating=5, published=False, notes="Finish part six first."
    ),
]


def seed(user: User) -> None:
    """Give a user a few reviews, one of them a draft."""
    user_id = user.id
    for review in REVIEWS:
        service.create_review(user_id, review)
