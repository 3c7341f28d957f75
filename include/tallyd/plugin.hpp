/*
 * The plugin ABI in C++20: batches that drop themselves, exceptions that stop where the daemon
 * begins, and the functions of a class as those of a plugin.  Nothing but inline wrappers around
 * plugin.h and host.h, which say what the calls mean; there is no library.
 *
 *	struct config { const char *path; };          // filled by the daemon: standard layout
 *	class uptime {
 *	      public:
 *		uptime(tally::context ctx, const config &config);   // create(): no I/O
 *		void gather();                                      // throws tally::failure
 *	};
 *	using calls = tally::calls<uptime, config>;
 *	const tally_input input = {.size = sizeof(input), .interval = …, .gather = calls::gather};
 *	TALLY_PLUGIN(…, .create = calls::create, .destroy = calls::destroy, .input = &input)
 */
#ifndef TALLYD_PLUGIN_HPP
#define TALLYD_PLUGIN_HPP

#include <cerrno>
#include <cstring>
#include <exception>
#include <new>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include <tallyd/host.h>

namespace tally {

/* Ends a call as `return tally_fail(ctx, error, "%s", why)` does. */
class failure : public std::runtime_error {
      public:
	failure(int error, const std::string &why) : std::runtime_error(why), code(error)
	{
	}
	int error() const noexcept
	{
		return code;
	}

      private:
	int code;
};

/* The instance's ctx. */
class context {
      public:
	explicit context(tally_ctx *ctx) noexcept : ctx(ctx)
	{
	}
	tally_ctx *get() const noexcept
	{
		return ctx;
	}
	std::string_view hostname() const noexcept
	{
		return ctx->hostname;
	}
	int64_t now() const noexcept
	{
		return tally_now(ctx);
	}
	bool stopping() const noexcept
	{
		return tally_stopping(ctx);
	}
	/* True: woken early, because the instance should stop. */
	bool sleep(int64_t ns) const noexcept
	{
		return tally_sleep(ctx, ns);
	}
	void log(tally_level level, std::string_view text) const noexcept
	{
		ctx->host->log_text(ctx, level, text.data(), text.size());
	}

      private:
	tally_ctx *ctx;
};

/* One row of a batch; valid until the next one is added.  What is not put stays NULL. */
class row {
      public:
	row(context ctx, tally_batch *batch, tally_cell *cells) noexcept
	    : ctx(ctx), batch(batch), cells(cells)
	{
	}
	row &put(uint32_t column, int64_t value) noexcept /* INT, TIME */
	{
		tally_put_int(cells, column, value);
		return *this;
	}
	row &put(uint32_t column, bool value) noexcept
	{
		tally_put_int(cells, column, value);
		return *this;
	}
	row &put(uint32_t column, double value) noexcept
	{
		tally_put_real(cells, column, value);
		return *this;
	}
	row &put(uint32_t column, std::string_view text) /* TEXT, JSON: copied */
	{
		if (tally_put_text(ctx.get(), batch, cells, column, text.data(), text.size()) < 0)
			throw std::bad_alloc();
		return *this;
	}
	row &put(uint32_t column, const char *text)
	{
		return put(column, std::string_view(text));
	}

      private:
	context ctx;
	tally_batch *batch;
	tally_cell *cells;
};

/* Dropped at the end of its scope, unless it was emitted. */
class batch {
      public:
	batch(context ctx, const tally_table &table)
	    : ctx(ctx), owned(tally_batch_new(ctx.get(), &table))
	{
		if (!owned)
			throw std::bad_alloc();
	}
	batch(const batch &) = delete;
	batch &operator=(const batch &) = delete;
	batch(batch &&other) noexcept : ctx(other.ctx), owned(std::exchange(other.owned, nullptr))
	{
	}
	~batch()
	{
		if (owned)
			tally_batch_drop(ctx.get(), owned);
	}
	row add()
	{
		tally_cell *cells = tally_batch_row(ctx.get(), owned);
		if (!cells)
			throw std::bad_alloc();
		return row(ctx, owned, cells);
	}
	/* It is the core's then, whatever comes back: 0, or -ECANCELED while stopping. */
	int emit(const char *source = nullptr, const char *position = nullptr) noexcept
	{
		return tally_emit(ctx.get(), std::exchange(owned, nullptr), source, position);
	}

      private:
	context ctx;
	tally_batch *owned;
};

/* What a call returns for what the function does: 0, its own int, or -errno for an exception. */
template <class Function> int guard(tally_ctx *ctx, Function &&function) noexcept
{
	try {
		if constexpr (std::is_void_v<decltype(function())>) {
			function();
			return 0;
		} else {
			return function();
		}
	} catch (const failure &e) {
		return tally_fail(ctx, e.error(), "%s", e.what());
	} catch (const std::bad_alloc &) {
		return tally_fail(ctx, ENOMEM, "no memory");
	} catch (const std::exception &e) {
		return tally_fail(ctx, EIO, "%s", e.what());
	} catch (...) {
		return tally_fail(ctx, EIO, "an exception that is no std::exception");
	}
}

/* The functions of a plugin whose instance is a Plugin, made of (context, const Config &).  Only
 * those that are named in TALLY_PLUGIN() and its facets need to be there. */
template <class Plugin, class Config> struct calls {
	struct instance {
		tally_ctx *ctx;
		Plugin plugin;
		instance(tally_ctx *ctx, const Config &config)
		    : ctx(ctx), plugin(context(ctx), config)
		{
		}
	};

	static int create(tally_ctx *ctx, const void *config, void **ret_self)
	{
		return guard(ctx, [&] {
			*ret_self = new instance(ctx, *static_cast<const Config *>(config));
		});
	}
	static void destroy(void *self)
	{
		delete of(self);
	}
	static int start(void *self)
	{
		return guard(of(self)->ctx, [&] { return of(self)->plugin.start(); });
	}
	static void stop(void *self)
	{
		guard(of(self)->ctx, [&] { of(self)->plugin.stop(); });
	}
	static void interrupt(void *self)
	{
		guard(of(self)->ctx, [&] { of(self)->plugin.interrupt(); });
	}
	static int gather(void *self)
	{
		return guard(of(self)->ctx, [&] { return of(self)->plugin.gather(); });
	}
	static int run(void *self)
	{
		return guard(of(self)->ctx, [&] { return of(self)->plugin.run(); });
	}
	static int prepare(void *self, const tally_table *table)
	{
		return guard(of(self)->ctx, [&] { return of(self)->plugin.prepare(*table); });
	}
	static int write(void *self, const tally_entry *entries, uint32_t n, uint8_t *verdicts)
	{
		return guard(of(self)->ctx,
			     [&] { return of(self)->plugin.write(entries, n, verdicts); });
	}

      private:
	static instance *of(void *self)
	{
		return static_cast<instance *>(self);
	}
};

} // namespace tally
#endif
