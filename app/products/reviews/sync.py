"""What syncs: one's own reviews. One of no book is stored, shown nowhere, and moves nothing."""

from app.products.reviews.models import Review
from app.products.reviews.schemas import ReviewFields
from app.sync.collection import Collection

collections = [
    Collection("reviews", Review, ReviewFields, derived=("author_id", "hidden_at", "hidden_reason"))
]
