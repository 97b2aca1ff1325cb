"""What handlers find in the application."""

from aiohttp import web

from quintet_gateway.assistant import Assistant

ASSISTANT: web.AppKey[Assistant] = web.AppKey("assistant", Assistant)
