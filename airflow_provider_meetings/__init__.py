"""Meeting recordings and their metadata, from Feishu/Lark and WeCom into a lake and a warehouse."""

__version__ = "0.1.0"
