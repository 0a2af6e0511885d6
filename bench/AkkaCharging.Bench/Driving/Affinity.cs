using System.ComponentModel;
using System.Globalization;
using System.Runtime.InteropServices;

namespace AkkaCharging.Bench.Driving;

/// <summary>Which processors a thread may use.</summary>
internal static unsafe class Affinity
{
    private const int ProcessorsMax = 1_024;

    /// <summary>Keeps the calling thread on <paramref name="processors"/>; what it starts would inherit that.</summary>
    /// <param name="processors">As taskset has it, <c>0-1,3</c>; empty for all.</param>
    public static void PinThread(string processors)
    {
        if (processors.Length == 0)
            return;
        var mask = stackalloc byte[ProcessorsMax / 8];
        new Span<byte>(mask, ProcessorsMax / 8).Clear();
        foreach (var range in processors.Split(','))
        {
            var ends = range.Split('-');
            for (var processor = Number(ends[0]); processor <= Number(ends[^1]); processor++)
                mask[processor / 8] |= (byte)(1 << (processor % 8));
        }

        if (sched_setaffinity(0, ProcessorsMax / 8, mask) != 0)
            throw new Win32Exception();
    }

    private static int Number(string text) =>
        int.Parse(text, CultureInfo.InvariantCulture) is >= 0 and < ProcessorsMax and var number
            ? number
            : throw new FormatException($"There is no processor {text}.");

    [DllImport("libc", SetLastError = true)]
    private static extern int sched_setaffinity(int thread, nuint bytes, byte* mask);
}
