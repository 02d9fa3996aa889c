"""HTTP in, HTTP out."""

from fastapi import APIRouter

from voting.routes import exports, polls, results, votes

router = APIRouter()
for part in (polls, votes, results, exports):
    router.include_router(part.router)
hot_routes = votes.hot_routes
